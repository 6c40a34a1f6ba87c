public import Bundle
public import Model
public import Storage

/// All of a model that its cost depends on: matrices and how they are stored, but not what stands in them.
public struct ModelShape: Sendable {
    public let name: String
    /// What it was read from, for messages: "bundle" or "shape".
    let kind: String
    public let config: ModelConfig
    /// Of every layer, in the order of the forward pass.
    let layers: [[(part: TensorName.Part, matrix: StoredMatrix)]]
    let embedding, head: StoredMatrix
    /// Precisions that can be asked for, ascending.
    public let served: [Precision]
    /// Bits of a rung's matrices, in the order of `layers`, layer by layer.
    private let rungs: [Precision: [Int]]

    private init(
        name: String, kind: String, config: ModelConfig, layers: [[(part: TensorName.Part, matrix: StoredMatrix)]],
        embedding: StoredMatrix, head: StoredMatrix, served: [Precision], rungs: [Precision: [Int]]
    ) {
        self.name = name
        self.kind = kind
        self.config = config
        self.layers = layers
        self.embedding = embedding
        self.head = head
        self.served = served
        self.rungs = rungs
    }

    /// A model without weights: its blocks at any precision, embedding and head at one.
    /// - Parameter headBits: 2 to 7, or 8 for bytes, or 16.
    public init(name: String, config: ModelConfig, headBits: Int) {
        let held = Array(BitWidth.nested) + [BitWidth.half]
        let outer = StoredMatrix(
            rows: config.vocabularySize, columns: config.hiddenSize,
            encoding: headBits == 8 ? .bytes : .nested([headBits]))
        let layer = config.linearParts().map {
            (part: $0.part, matrix: StoredMatrix(rows: $0.rows, columns: $0.columns, encoding: .nested(held)))
        }
        self.init(
            name: name, kind: "shape", config: config, layers: Array(repeating: layer, count: config.layerCount),
            embedding: outer, head: outer, served: held.map { Precision(bits: $0) }, rungs: [:])
    }

    /// - Throws: `badData` for damaged rungs.
    public init(_ bundle: Bundle) throws(TaperError) {
        let manifest = bundle.manifest
        let config = manifest.model
        var stored: [String: StoredMatrix] = [:]
        for tensor in manifest.tensors where tensor.shape.count == 2 {
            let encoding: StoredMatrix.Encoding
            switch tensor.encoding {
            case .nested(_, let held): encoding = .nested(held)
            case .int8: encoding = .bytes
            case .float: continue
            }
            stored[tensor.name] = StoredMatrix(rows: tensor.shape[0], columns: tensor.shape[1], encoding: encoding)
        }
        func matrix(_ name: String) throws(TaperError) -> StoredMatrix {
            guard let found = stored[name] else { throw TaperError(.badData, "no matrix " + name, at: bundle.path) }
            return found
        }
        var layers: [[(part: TensorName.Part, matrix: StoredMatrix)]] = []
        for index in 0..<config.layerCount {
            var layer: [(part: TensorName.Part, matrix: StoredMatrix)] = []
            for (part, _, _) in config.linearParts() {
                layer.append((part, try matrix(TensorName.weight(part, layer: index))))
            }
            layers.append(layer)
        }
        let order = manifest.linearTensors.map(\.name)
        var rungs: [Precision: [Int]] = [:]
        for rung in try bundle.rungs() {
            let bits = Dictionary(zip(order, rung.bits)) { first, _ in first }
            rungs[rung.precision] = (0..<config.layerCount).flatMap { layer in
                config.linearParts().map {
                    bits[TensorName.weight($0.part, layer: layer)] ?? rung.precision.roundedDown
                }
            }
        }
        self.init(
            name: Files.name(of: bundle.path), kind: "bundle", config: config, layers: layers,
            embedding: try matrix(TensorName.embedding), head: try matrix(config.headName),
            served: try bundle.servedPrecisions(), rungs: rungs)
    }

    /// Whole precisions in nested codes, ascending.
    public var nestedPrecisions: [Precision] { served.filter { $0.kind == .nested } }

    /// The same model with 16 bits everywhere, embedding and head too: what speedups are measured against.
    public var inHalf: ModelShape {
        ModelShape(
            name: name, kind: kind, config: config, layers: layers.map { $0.map { ($0.part, $0.matrix.half) } },
            embedding: embedding.half, head: head.half, served: [Precision.highest], rungs: [:])
    }

    /// Bits asked for of a layer's matrices.
    func bits(_ precision: Precision, layer: Int) -> [Int] {
        guard let all = rungs[precision] else {
            return Array(repeating: precision.roundedDown, count: layers[layer].count)
        }
        let first = layers[..<layer].reduce(0) { $0 + $1.count }
        return Array(all[first..<first + layers[layer].count])
    }

    /// Bytes of all that is read at some precision of these: what memory must hold.
    func byteCount(_ precisions: [Precision]) -> Int {
        var total = config.tiedEmbeddings ? 0 : embedding.byteCount(precisions.map(\.roundedDown))
        total += head.byteCount(precisions.map(\.roundedDown))
        for (index, layer) in layers.enumerated() {
            let bits = precisions.map { self.bits($0, layer: index) }
            for place in layer.indices { total += layer[place].matrix.byteCount(bits.map { $0[place] }) }
        }
        return total
    }
}

extension StoredMatrix {
    /// The planes of the highest precision, the tables of all, and halves.
    func byteCount(_ bits: [Int]) -> Int {
        let readings = Set(bits.map { reading(bits: $0) })
        let codes = readings.filter(\.isCode)
        return readings.reduce(0) { $0 + $1.tableBytes } + (codes.map(\.codeBytes).max() ?? 0)
            + readings.filter { !$0.isCode }.reduce(0) { $0 + $1.codeBytes }
    }
}
