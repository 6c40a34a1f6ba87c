import Kernels
public import Model
public import Storage

/// The learned scheduler of a bundle: one small classifier for every step down, which looks at the last layer's keys and
/// values after the prefill and says how many steps to decode at the higher precision (Chen et al. 2025, section 4.3).
public struct LearnedScheduler: Sendable {
    /// One step down.
    public struct Pair: Sendable {
        public var high: Precision
        public var low: Precision
        /// How likely it must be that a number of high-precision steps is enough: the least number for which it is more
        /// likely than this is taken. 1: all steps are high.
        public var confidence: Float
        /// [shape.weightCount]
        public var weights: [Float]
        /// How it was trained and what came of it; for people and reports.
        public var evidence: JSONValue

        public init(
            high: Precision, low: Precision, confidence: Float, weights: [Float], evidence: JSONValue
        ) {
            self.high = high
            self.low = low
            self.confidence = confidence
            self.weights = weights
            self.evidence = evidence
        }
    }

    public static let schema = "taper-learned-1"
    static let pairLimit = 16
    static let windowLimit = 4096

    /// Precision of the prefill whose keys and values it was trained on.
    public var prefillBits: Precision
    /// The limit of new tokens it was trained with.
    public var maxNewTokens: Int
    /// Latest positions that it looks at; a multiple of 16.
    public var window: Int
    public var shape: ClassifierShape
    /// From high to low, each beginning where the one before ends.
    public var pairs: [Pair]

    public init(prefillBits: Precision, maxNewTokens: Int, window: Int, shape: ClassifierShape, pairs: [Pair]) {
        self.prefillBits = prefillBits
        self.maxNewTokens = maxNewTokens
        self.window = window
        self.shape = shape
        self.pairs = pairs
    }

    /// Every precision it names.
    public var precisions: [Precision] { [prefillBits] + pairs.flatMap { [$0.high, $0.low] } }

    public var json: JSONValue {
        .object([
            .init("schema", .string(LearnedScheduler.schema)),
            .init("prefill_bits", prefillBits.json),
            .init("max_new_tokens", .integer(maxNewTokens)),
            .init("window", .integer(window)),
            .init("kv_heads", .integer(shape.kvHeads)),
            .init("head_size", .integer(shape.headSize)),
            .init("queries", .integer(shape.queries)),
            .init("hidden", .integer(shape.hidden)),
            .init(
                "pairs",
                .array(
                    pairs.map {
                        .object([
                            .init("high", $0.high.json), .init("low", $0.low.json),
                            .init("confidence", .number(Double($0.confidence))),
                            .init("evidence", $0.evidence),
                        ])
                    })),
        ])
    }

    /// Content of the section of weights.
    public var weightBytes: [UInt8] {
        var writer = ByteWriter()
        for pair in pairs { for weight in pair.weights { writer.f32(weight) } }
        return writer.bytes
    }

    /// Reads both sections' content.
    /// - Throws: `badData` naming the rule of `formats/bundle.md` that is broken.
    public init(json: JSONValue, weights: [UInt8], for bundle: Bundle, place: String) throws(TaperError) {
        try self.init(
            json: json, weights: weights, model: bundle.manifest.model, served: try bundle.servedPrecisions(),
            place: place)
    }

    /// The same for a bundle that is still to be made.
    /// - Parameter served: precisions it will serve; nil where they are not known yet: who writes the bundle checks them.
    public init(
        json: JSONValue, weights: [UInt8], model: ModelConfig, served: [Precision]?, place: String
    ) throws(TaperError) {
        func wrong(_ key: String) -> TaperError {
            TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
        }
        func integer(_ key: String, _ range: ClosedRange<Int>) throws(TaperError) -> Int {
            guard let value = json[key]?.integer, range.contains(value) else { throw wrong(key) }
            return value
        }
        guard json["schema"]?.string == LearnedScheduler.schema else {
            throw TaperError(.unsupported, "unknown schema", at: place, expected: LearnedScheduler.schema)
        }
        let shape = ClassifierShape(
            kvHeads: try integer("kv_heads", model.kvHeadCount...model.kvHeadCount),
            headSize: try integer("head_size", model.headSize...model.headSize),
            queries: try integer("queries", 1...ClassifierShape.queryLimit),
            hidden: try integer("hidden", 1...ClassifierShape.hiddenLimit))
        let window = try integer("window", KVLayer.positionBlock...LearnedScheduler.windowLimit)
        guard window % KVLayer.positionBlock == 0 else { throw wrong("window") }
        let limit = try integer("max_new_tokens", 1...1 << 20)
        func precision(_ value: JSONValue?) throws(TaperError) -> Precision {
            guard let precision = Precision(json: value) else {
                throw TaperError(.badData, "a precision is missing or none", at: place)
            }
            if let served { try precision.check(served: served, code: .badData, place: place) }
            return precision
        }
        let prefill = try precision(json["prefill_bits"])
        guard let list = json["pairs"]?.array, (1...LearnedScheduler.pairLimit).contains(list.count) else {
            throw wrong("pairs")
        }
        // Bounded by the limits above, so the products cannot overflow.
        let count = shape.weightCount
        guard weights.count == count * list.count * 4 else {
            throw TaperError(
                .badData, "section " + SectionName.learnedWeights + " does not match the pairs", at: place,
                expected: String(count * list.count * 4) + " bytes", found: String(weights.count))
        }
        var pairs: [Pair] = []
        for (index, item) in list.enumerated() {
            let high = try precision(item["high"])
            let low = try precision(item["low"])
            guard let confidence = item["confidence"]?.double, confidence >= 0, confidence <= 1 else {
                throw wrong("pairs")
            }
            guard low < high, index == 0 || pairs[index - 1].low == high else {
                throw TaperError(
                    .badData, "the pairs must step down, each from where the one before ends", at: place)
            }
            pairs.append(
                Pair(
                    high: high, low: low, confidence: Float(confidence),
                    weights: try LearnedScheduler.floats(weights, from: index * count, count: count, place: place),
                    evidence: item["evidence"] ?? .null))
        }
        self.init(prefillBits: prefill, maxNewTokens: limit, window: window, shape: shape, pairs: pairs)
    }

    /// - Parameter bytes: at least 4 * (first + count).
    private static func floats(
        _ bytes: [UInt8], from first: Int, count: Int, place: String
    ) throws(TaperError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        for index in 0..<count {
            let at = (first + index) * 4
            let bits = (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
            values[index] = Float(bitPattern: bits)
            guard values[index].isFinite else {
                throw TaperError(
                    .badData, "a weight of the learned scheduler is not finite", at: place,
                    found: "element " + String(first + index))
            }
        }
        return values
    }
}
