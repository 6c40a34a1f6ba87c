public import Model
public import Storage

/// Powers of two that bring keys and values into the range of half precision, in which caches hold them.
///
/// Dividing a row of the value projection by 2^e and multiplying the output projection's columns by it changes nothing, not
/// even the last bit; nor does dividing a pair of key rows and multiplying the query rows that meet it, since RoPE turns a
/// pair as a whole. So a model whose keys or values exceed 65504, or vanish among half's smallest numbers, computes what
/// it did while its cache stays finite and exact.
public struct CacheScaling: Equatable, Sendable {
    public static let schema = "taper-powers-1"

    /// Exponents of one block: the cache holds channel i of keys and values, [kvSize], divided by 2^exponent[i].
    public struct Block: Equatable, Sendable {
        public var keys: [Int]
        public var values: [Int]

        public init(keys: [Int], values: [Int]) {
            self.keys = keys
            self.values = values
        }
        public var isIdentity: Bool { keys.allSatisfy { $0 == 0 } && values.allSatisfy { $0 == 0 } }
    }

    /// Floats reach from 2^-149 to 2^128; no exponent beyond the distance makes sense.
    static let exponentLimit = 300

    public let blocks: [Block]
    private let config: ModelConfig

    /// - Throws: `badData` when the lists do not fit the model, or would not commute with RoPE.
    public init(blocks: [Block], config: ModelConfig, place: String) throws(TaperError) {
        guard blocks.count == config.layerCount else {
            throw TaperError(
                .badData, "the powers are of another model", at: place, expected: "\(config.layerCount) blocks",
                found: "\(blocks.count)")
        }
        for (layer, block) in blocks.enumerated() {
            for exponents in [block.keys, block.values] {
                guard exponents.count == config.kvSize, exponents.allSatisfy({ abs($0) <= CacheScaling.exponentLimit })
                else {
                    throw TaperError(
                        .badData, "no exponents of the model's keys and values", at: place + ": block \(layer)",
                        expected: "\(config.kvSize) numbers from -\(CacheScaling.exponentLimit) to "
                            + "\(CacheScaling.exponentLimit)", found: "\(exponents.count)")
                }
            }
            let half = (config.layers[layer].rotation?.size ?? 0) / 2
            for head in 0..<config.kvHeadCount {
                for pair in 0..<half {
                    let first = head * config.headSize + pair
                    guard block.keys[first] == block.keys[first + half] else {
                        throw TaperError(
                            .badData, "channels that RoPE turns together have different exponents",
                            at: place + ": block \(layer), keys \(first) and \(first + half)")
                    }
                }
            }
        }
        self.blocks = blocks
        self.config = config
    }

    public var isIdentity: Bool { blocks.allSatisfy(\.isIdentity) }

    /// Blocks in which something changes.
    public var changedLayers: [Int] { blocks.indices.filter { !blocks[$0].isIdentity } }

    /// Can any scaling make another tensor of this one?
    public static func canChange(_ name: String) -> Bool {
        switch TensorNaming.split(name)?.part {
        case .query, .key, .value: true
        // The output's bias is added after the product.
        case .attentionOutput: !name.hasSuffix(".bias")
        default: false
        }
    }

    /// Does the scaling of a model depend on this tensor?
    public static func reads(_ name: String) -> Bool { canChange(name) || TensorNaming.split(name)?.part == .inputNorm }

    /// Is this tensor another one under the scaling?
    func changes(_ name: String) -> Bool {
        guard CacheScaling.canChange(name), let (layer, part, _) = TensorNaming.split(name) else { return false }
        switch part {
        case .query, .key: return blocks[layer].keys.contains { $0 != 0 }
        default: return blocks[layer].values.contains { $0 != 0 }
        }
    }

    /// All that decides how a tensor is scaled, for its digest.
    func write(to writer: inout ByteWriter, name: String) {
        guard let (layer, _, _) = TensorNaming.split(name) else { return }
        for exponent in blocks[layer].keys + blocks[layer].values { writer.u64(UInt64(bitPattern: Int64(exponent))) }
    }

    /// A tensor of the model, [rows * columns] or a bias [elements], under the scaling.
    func scaled(_ values: [Float], name: String) -> [Float] {
        guard changes(name), let (layer, part, _) = TensorNaming.split(name) else { return values }
        let block = blocks[layer]
        var out = values
        func scale(_ range: StrideTo<Int>, _ exponent: Int) {
            guard exponent != 0 else { return }
            for index in range { out[index] = Float(sign: .plus, exponent: exponent, significand: out[index]) }
        }
        switch part {
        case .key, .value:
            let exponents = part == .key ? block.keys : block.values
            let width = values.count / config.kvSize
            for row in 0..<config.kvSize {
                scale(stride(from: row * width, to: (row + 1) * width, by: 1), -exponents[row])
            }
        case .query:
            let width = values.count / config.querySize
            for row in 0..<config.querySize {
                scale(stride(from: row * width, to: (row + 1) * width, by: 1), block.keys[cached(row)])
            }
        case .attentionOutput:
            for column in 0..<config.querySize {
                scale(stride(from: column, to: values.count, by: config.querySize), block.values[cached(column)])
            }
        default: break
        }
        return out
    }

    /// The cached channel that a channel of the queries, or of the mix of values, meets.
    func cached(_ channel: Int) -> Int {
        let (head, place) = (channel / config.headSize, channel % config.headSize)
        return head / (config.headCount / config.kvHeadCount) * config.headSize + place
    }

    public static func == (a: CacheScaling, b: CacheScaling) -> Bool { a.blocks == b.blocks }
}

// The bundle's section (`formats/bundle.md`, powers).
extension CacheScaling {
    /// - Throws: `badData` naming what breaks the schema.
    public init(json: JSONValue, config: ModelConfig, place: String) throws(TaperError) {
        guard json["schema"]?.string == CacheScaling.schema, let list = json["blocks"]?.array else {
            throw TaperError(.badData, "no powers of keys and values", at: place, expected: CacheScaling.schema)
        }
        func integers(_ value: JSONValue?) throws(TaperError) -> [Int] {
            if value == nil { return [Int](repeating: 0, count: config.kvSize) }
            guard let text = value?.string else {
                throw TaperError(
                    .badData, "no powers of keys and values", at: place, expected: "numbers with spaces between them")
            }
            return text.split(separator: " ", omittingEmptySubsequences: false).map { Int($0) ?? Int.max }
        }
        var blocks: [Block] = []
        for item in list {
            blocks.append(Block(keys: try integers(item["keys"]), values: try integers(item["values"])))
        }
        try self.init(blocks: blocks, config: config, place: place)
    }

    public var json: JSONValue {
        // One string each: as arrays of numbers they would take a hundred times their length in memory when parsed.
        func members(_ name: String, _ exponents: [Int]) -> [JSONValue.Member] {
            guard exponents.contains(where: { $0 != 0 }) else { return [] }
            return [.init(name, .string(exponents.map(String.init).joined(separator: " ")))]
        }
        return .object([
            .init("schema", .string(CacheScaling.schema)),
            .init(
                "blocks",
                .array(blocks.map { .object(members("keys", $0.keys) + members("values", $0.values)) })),
        ])
    }
}
