public import Model
public import Storage

/// What a bundle records of one task's calibration: the schedule, how good it is, and how it was found.
public struct CalibratedSchedule: Sendable {
    public var task: String
    public var metric: String
    /// Which precision decodes from which step on.
    public var schedule: PrecisionSchedule
    public var maxNewTokens: Int
    public var averageBits: Double
    public var score: Double
    /// Score of always decoding at the first step's precision.
    public var referenceScore: Double
    public var tolerance: Double
    public var evidence: ScheduleEvidence

    public init(
        task: String, metric: String, schedule: PrecisionSchedule, maxNewTokens: Int, averageBits: Double,
        score: Double,
        referenceScore: Double, tolerance: Double, evidence: ScheduleEvidence
    ) {
        self.task = task
        self.metric = metric
        self.schedule = schedule
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
            .init("prefill_bits", schedule.prefillBits.json),
            .init(
                "steps",
                .array(
                    schedule.steps.map {
                        .object([.init("from_step", .integer($0.fromStep)), .init("bits", $0.bits.json)])
                    })),
            .init("max_new_tokens", .integer(maxNewTokens)),
            .init("average_bits", .number(averageBits)),
            .init("score", .number(score)),
            .init("reference_score", .number(referenceScore)),
            .init("tolerance", .number(tolerance)),
            .init("evidence", evidence.json),
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
        guard let prefill = Precision(json: json["prefill_bits"]), prefill.kind != nil else {
            throw wrong("prefill_bits")
        }
        guard let limit = json["max_new_tokens"]?.integer, limit >= 1, limit <= 1 << 20 else {
            throw wrong("max_new_tokens")
        }
        guard let list = json["steps"]?.array, !list.isEmpty, list.count <= 8 else { throw wrong("steps") }
        var steps: [PrecisionSchedule.Step] = []
        for item in list {
            guard let from = item["from_step"]?.integer, let bits = Precision(json: item["bits"]),
                bits.kind != nil, from >= 0, from <= 1 << 20
            else { throw wrong("steps") }
            steps.append(PrecisionSchedule.Step(fromStep: from, bits: bits))
        }
        self.init(
            task: task, metric: metric,
            schedule: try PrecisionSchedule(prefillBits: prefill, steps: steps, code: .badData, place: place),
            maxNewTokens: limit,
            averageBits: try number("average_bits"), score: try number("score"),
            referenceScore: try number("reference_score"), tolerance: try number("tolerance"),
            evidence: ScheduleEvidence(json["evidence"] ?? .null))
    }

    /// What programs call a calibrated schedule: this and its task.
    public static let labelPrefix = "static:"
    public var label: String { CalibratedSchedule.labelPrefix + task }

    /// The task whose schedule is calibrated on general text, and so holds for every prompt.
    public static let generalTask = "default"

    /// Whether it applies where no schedule is named.
    public var isGeneral: Bool { task == CalibratedSchedule.generalTask }

    /// Do bundle and schedule fit? The bundle must serve its precisions, and the model must reach its steps.
    func check(_ served: [Precision], _ manifest: Manifest, place: String) throws(TaperError) {
        try schedule.check(served: served, code: .badData, place: place)
        for step in schedule.steps
        where step.fromStep > maxNewTokens || step.fromStep >= manifest.model.contextLength {
            throw TaperError(
                .badData, "a switch point lies beyond the last step", at: place,
                expected: "at most " + String(min(maxNewTokens, manifest.model.contextLength - 1)),
                found: String(step.fromStep))
        }
    }
}
