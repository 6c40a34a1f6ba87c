public import Model
public import Storage

/// Calibrated switch points of one task: which precision decodes from which step on.
public struct Schedule: Sendable {
    public struct Step: Equatable, Sendable {
        /// Decode step, counted from 0, at which `bits` takes over.
        public var fromStep: Int
        public var bits: Precision
        public init(fromStep: Int, bits: Precision) {
            self.fromStep = fromStep
            self.bits = bits
        }
    }
    public var task: String
    public var metric: String
    public var prefillBits: Precision
    /// The first step starts at 0; steps rise, bits fall.
    public var steps: [Step]
    public var maxNewTokens: Int
    public var averageBits: Double
    public var score: Double
    /// Score of always decoding at the first step's precision.
    public var referenceScore: Double
    public var tolerance: Double
    /// What was tried and what came of it; for people and reports.
    public var evidence: JSONValue

    public init(
        task: String, metric: String, prefillBits: Precision, steps: [Step], maxNewTokens: Int, averageBits: Double,
        score: Double, referenceScore: Double, tolerance: Double, evidence: JSONValue
    ) {
        self.task = task
        self.metric = metric
        self.prefillBits = prefillBits
        self.steps = steps
        self.maxNewTokens = maxNewTokens
        self.averageBits = averageBits
        self.score = score
        self.referenceScore = referenceScore
        self.tolerance = tolerance
        self.evidence = evidence
    }

    public var json: JSONValue {
        .object([
            .init("task", .string(task)),
            .init("metric", .string(metric)),
            .init("prefill_bits", prefillBits.json),
            .init(
                "steps",
                .array(
                    steps.map {
                        .object([.init("from_step", .integer($0.fromStep)), .init("bits", $0.bits.json)])
                    })),
            .init("max_new_tokens", .integer(maxNewTokens)),
            .init("average_bits", .number(averageBits)),
            .init("score", .number(score)),
            .init("reference_score", .number(referenceScore)),
            .init("tolerance", .number(tolerance)),
            .init("evidence", evidence),
        ])
    }

    /// - Throws: `badData` for missing fields, steps that do not rise from 0, bits that do not fall.
    public init(json: JSONValue, place: String) throws(TaperError) {
        func wrong(_ key: String) -> TaperError {
            TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
        }
        func number(_ key: String) throws(TaperError) -> Double {
            guard let value = json[key]?.double, value.isFinite else { throw wrong(key) }
            return value
        }
        guard let task = json["task"]?.string, !task.isEmpty else { throw wrong("task") }
        guard let metric = json["metric"]?.string else { throw wrong("metric") }
        guard let prefill = Precision(json: json["prefill_bits"]), Manifest.isPrecision(prefill) else {
            throw wrong("prefill_bits")
        }
        guard let limit = json["max_new_tokens"]?.integer, limit >= 1, limit <= 1 << 20 else {
            throw wrong("max_new_tokens")
        }
        guard let list = json["steps"]?.array, !list.isEmpty, list.count <= 8 else { throw wrong("steps") }
        var steps: [Step] = []
        for item in list {
            guard let from = item["from_step"]?.integer, let bits = Precision(json: item["bits"]),
                Manifest.isPrecision(bits),
                from >= 0, from <= 1 << 20
            else { throw wrong("steps") }
            if let last = steps.last {
                guard from > last.fromStep, bits < last.bits else {
                    throw TaperError(.badData, "switch points must rise and precisions fall", at: place)
                }
            } else if from != 0 {
                throw TaperError(.badData, "the first step must start at 0", at: place, found: String(from))
            }
            steps.append(Step(fromStep: from, bits: bits))
        }
        self.init(
            task: task, metric: metric, prefillBits: prefill, steps: steps, maxNewTokens: limit,
            averageBits: try number("average_bits"), score: try number("score"),
            referenceScore: try number("reference_score"), tolerance: try number("tolerance"),
            evidence: json["evidence"] ?? .null)
    }

    /// The task whose schedule is calibrated on general text, and so holds for every prompt.
    public static let generalTask = "default"

    /// Whether it applies where no schedule is named.
    public var isGeneral: Bool { task == Schedule.generalTask }

    /// Every precision it names: prefill and steps.
    public var precisions: [Precision] { [prefillBits] + steps.map { $0.bits } }

    /// Do bundle and schedule fit? The bundle must serve its precisions, and the model must reach its steps.
    func check(_ served: [Precision], _ manifest: Manifest, place: String) throws(TaperError) {
        for bits in precisions where !served.contains(bits) {
            throw TaperError(
                .badData, "the schedule names a precision the bundle lacks", at: place,
                expected: "one of " + Precision.text(served), found: bits.text)
        }
        for step in steps where step.fromStep > maxNewTokens || step.fromStep >= manifest.model.contextLength {
            throw TaperError(
                .badData, "a switch point lies beyond the last step", at: place,
                expected: "at most " + String(min(maxNewTokens, manifest.model.contextLength - 1)),
                found: String(step.fromStep))
        }
    }
}
