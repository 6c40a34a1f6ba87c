public import Model
public import Storage

/// Another order of a model's channels, under which it computes the same: place i holds channel order[i].
///
/// The residual stream and the inner activations of every MLP have no order of their own. Channels with large activations in
/// front share the part of the activations that kernels keep in two terms; weights are only moved.
public struct ChannelOrder: Equatable, Sendable {
    public static let schema = "taper-channels-1"

    /// Of the residual stream: a permutation of 0 ..< hiddenSize.
    public let hidden: [Int]
    /// Of each block's MLP: permutations of 0 ..< intermediateSize.
    public let inner: [[Int]]

    /// What a tensor's rows and columns run over, and its block.
    private typealias Place = (rows: Axis, columns: Axis?, layer: Int?)
    private let places: [String: Place]

    /// - Throws: `badData` when a list is no permutation of the model's channels.
    public init(hidden: [Int], inner: [[Int]], config: ModelConfig, place: String) throws(TaperError) {
        guard inner.count == config.layerCount else {
            throw TaperError(
                .badData, "the channel order is of another model", at: place, expected: "\(config.layerCount) blocks",
                found: "\(inner.count)")
        }
        try ChannelOrder.check(hidden, config.hiddenSize, place + ": hidden")
        for (layer, order) in inner.enumerated() {
            try ChannelOrder.check(order, config.intermediateSize, place + ": inner[\(layer)]")
        }
        self.hidden = hidden
        self.inner = inner
        var places: [String: Place] = [:]
        for tensor in config.tensorRequirements() { places[tensor.name] = (tensor.rows, tensor.columns, tensor.layer) }
        // A head that is the embedding has a name, too.
        places[TensorName.head] = places[TensorName.embedding]
        self.places = places
    }

    private static func check(_ order: [Int], _ count: Int, _ place: String) throws(TaperError) {
        var seen = [Bool](repeating: false, count: count)
        for channel in order where channel >= 0 && channel < count { seen[channel] = true }
        guard order.count == count, seen.allSatisfy({ $0 }) else {
            throw TaperError(
                .badData, "no permutation of the channels", at: place, expected: "each of 0 to \(count - 1) once",
                found: "\(order.count) numbers")
        }
    }

    /// - Throws: `badData` naming the field that breaks the schema (`formats/bundle.md`, section channels).
    public init(json: JSONValue, config: ModelConfig, place: String) throws(TaperError) {
        guard json["schema"]?.string == ChannelOrder.schema, let blocks = json["inner"]?.array else {
            throw TaperError(.badData, "no channel order", at: place, expected: ChannelOrder.schema)
        }
        func integers(_ value: JSONValue?) throws(TaperError) -> [Int] {
            guard let text = value?.string else {
                throw TaperError(.badData, "no channel order", at: place, expected: "numbers with spaces between them")
            }
            return text.split(separator: " ", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        }
        var inner: [[Int]] = []
        for block in blocks { inner.append(try integers(block)) }
        try self.init(hidden: try integers(json["hidden"]), inner: inner, config: config, place: place)
    }

    public var json: JSONValue {
        // One string each: as arrays of numbers they would take a hundred times their length in memory when parsed.
        func list(_ values: [Int]) -> JSONValue { .string(values.map(String.init).joined(separator: " ")) }
        return .object([
            .init("schema", .string(ChannelOrder.schema)), .init("hidden", list(hidden)),
            .init("inner", .array(inner.map(list))),
        ])
    }

    /// A tensor of the model in this order; `shape` is its own, [rows, columns] or [elements].
    func arranged(_ values: [Float], name: String, shape: [Int]) -> [Float] {
        guard let place = places[name] else { return values }
        let width = shape.count == 2 ? shape[1] : 1
        let rowOrder = order(place.rows, place.layer)
        let columnOrder = place.columns.flatMap { order($0, place.layer) }
        if rowOrder == nil && columnOrder == nil { return values }
        return [Float](unsafeUninitializedCapacity: values.count) { out, count in
            for row in 0..<values.count / width {
                let from = (rowOrder?[row] ?? row) * width
                if let columnOrder {
                    for column in 0..<width { out[row * width + column] = values[from + columnOrder[column]] }
                } else {
                    for column in 0..<width { out[row * width + column] = values[from + column] }
                }
            }
            count = values.count
        }
    }

    /// Whether a tensor's rows are moved, not only its columns.
    func movesRows(of name: String) -> Bool {
        places[name].map { order($0.rows, $0.layer) != nil } ?? false
    }

    /// nil where the order is the model's own.
    private func order(_ axis: Axis, _ layer: Int?) -> [Int]? {
        switch axis {
        case .hidden: hidden
        case .inner: layer.map { inner[$0] }
        case .heads, .kvHeads, .headElements, .vocabulary: nil
        }
    }

    public static func == (a: ChannelOrder, b: ChannelOrder) -> Bool { a.hidden == b.hidden && a.inner == b.inner }
}
