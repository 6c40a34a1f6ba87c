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

    private enum Axis { case fixed, hidden, inner(Int) }
    private let axes: [String: (rows: Axis, columns: Axis)]

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
        var axes: [String: (rows: Axis, columns: Axis)] = [
            TensorName.embedding: (.fixed, .hidden), TensorName.head: (.fixed, .hidden),
            TensorName.finalNorm: (.hidden, .fixed), TensorName.finalNormBias: (.hidden, .fixed),
        ]
        for layer in 0..<config.layerCount {
            for part in TensorName.Part.allCases {
                let (rows, columns): (Axis, Axis) =
                    switch part {
                    case .query, .key, .value: (.fixed, .hidden)
                    case .gate, .up: (.inner(layer), .hidden)
                    case .attentionOutput: (.hidden, .fixed)
                    case .down: (.hidden, .inner(layer))
                    case .inputNorm, .postAttentionNorm: (.hidden, .fixed)
                    }
                axes[TensorName.weight(part, layer: layer)] = (rows, columns)
                axes[TensorName.bias(part, layer: layer)] = (rows, .fixed)
            }
        }
        self.axes = axes
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
        guard let (rows, columns) = axes[name] else { return values }
        let width = shape.count == 2 ? shape[1] : 1
        let rowOrder = order(rows)
        let columnOrder = order(columns)
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

    private func order(_ axis: Axis) -> [Int]? {
        switch axis {
        case .fixed: nil
        case .hidden: hidden
        case .inner(let layer): inner[layer]
        }
    }

    public static func == (a: ChannelOrder, b: ChannelOrder) -> Bool { a.hidden == b.hidden && a.inner == b.inner }
}
