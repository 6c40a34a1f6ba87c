public import Bundle
public import Evaluation
public import Kernels
public import Scoring
public import Model
public import Reference
import Runtime
public import Storage

/// How a task is calibrated.
public struct TaskCalibrationSettings: Sendable {
    public var task: String
    public var metric: TaskMetric
    public var maxNewTokens: Int
    /// Loss that is allowed, as a share of the metric's scale.
    public var tolerance: Double
    /// Precisions the search may use, rungs included; empty for all that the bundle serves.
    public var precisions: [Precision]
    /// Precision that reads prompts; nil for the highest of `precisions`.
    public var prefill: Precision?
    /// q_ref, on the metric's scale; nil: the score of the highest precision.
    public var referenceScore: Double?
    /// What the examples are; for the evidence.
    public var kind: CalibrationExamples.Kind

    public init(
        task: String, metric: TaskMetric, maxNewTokens: Int, tolerance: Double, precisions: [Precision] = [],
        prefill: Precision? = nil, referenceScore: Double? = nil, kind: CalibrationExamples.Kind = .examples
    ) {
        self.kind = kind
        self.task = task
        self.metric = metric
        self.maxNewTokens = maxNewTokens
        self.tolerance = tolerance
        self.precisions = precisions
        self.prefill = prefill
        self.referenceScore = referenceScore
    }

    /// What is to be said of a schedule for all prompts that is calibrated on a task; nil when there is nothing.
    public var warning: String? {
        guard task == CalibratedSchedule.generalTask, !metric.needsFullPrecision else { return nil }
        return
            "the schedule \(task) applies to every prompt for which none is named; calibrated by \(metric.rawValue), it "
            + "holds for prompts like these examples"
    }
}

/// Calibrates one task on a bundle: the schedule that reads the fewest bytes and whose score is within the tolerance of q_ref,
/// by default the score of the highest precision, with the evidence for it.
///
/// - Parameters:
///   - reference: the full-precision model, whose answers `agreement` and `kl` compare with; without it the bundle's own highest
///     precision stands in for `agreement`, and the evidence says so.
///   - code: of the same examples; `pass@1` is refused without it.
public func calibrateTask(
    bundle: Bundle, examples: [TaskExample], settings: TaskCalibrationSettings, reference: ReferenceModel?,
    code: CodeJudge? = nil, pool: ThreadPool, progress: (Double) -> Void
) throws(TaperError) -> CalibratedSchedule {
    let place = "task " + settings.task
    guard settings.metric.isForCalibration || settings.metric == .passAt1 && code != nil else {
        throw TaperError(
            .usage, "tasks are not calibrated by \(settings.metric.rawValue)", at: field("metric"),
            expected: TaskMetric.calibrationNames)
    }
    guard settings.metric != .kl || reference != nil else {
        throw TaperError(
            .usage, "kl compares with the full-precision model's distributions", at: field("metric"),
            remedy: "Name the checkpoint with \(field("reference"))")
    }
    try settings.metric.check(examples, place: place)
    let runner = try TaskRunner(
        bundle: bundle, examples: examples, maxNewTokens: settings.maxNewTokens, pool: pool, place: place,
        keepsPrompts: true)
    let precisions = settings.precisions.isEmpty ? runner.served : settings.precisions.sorted()
    for bits in precisions + (settings.prefill.map { [$0] } ?? []) {
        try bits.check(served: runner.served, place: bundle.path)
    }
    let full = try fullAnswers(runner, settings, reference)
    var comparedWith = full?.tokens
    let search = ScheduleSearch(
        precisions: precisions, prefill: settings.prefill, maxNewTokens: settings.maxNewTokens,
        tolerance: settings.tolerance, referenceScore: settings.referenceScore)
    // Constants cost about as much as all that follows.
    var done = 0.0
    var longest = 0
    let outcome = try search.run { schedules throws(TaperError) in
        let share = done == 0 ? 0.4 : 0.5 * (1 - done)
        let outcomes = try runner.run(
            Array(examples.indices), schedules.map { DecodeStrategy($0) },
            paths: settings.metric == .kl ? full?.paths : nil, writes: settings.metric != .kl
        ) { progress(min(1, done + share * $0)) }
        done += share
        longest = outcomes.joined().reduce(longest) { max($0, $1.answer.tokens.count, $1.pathBits.count) }
        if comparedWith == nil { comparedWith = outcomes.map { $0[0].answer.tokens } }
        var candidates: [CandidateResult] = []
        for (order, schedule) in schedules.enumerated() {
            candidates.append(
                try candidate(
                    schedule, outcomes.map { $0[order] }, runner, metric: settings.metric,
                    comparedWith: comparedWith ?? [], code))
        }
        return candidates
    }
    return calibrated(settings, outcome, runner, longestAnswer: longest, hasReference: reference != nil)
}

/// The full-precision model's answers, for the metrics that compare with them.
private func fullAnswers(
    _ runner: TaskRunner, _ settings: TaskCalibrationSettings, _ reference: ReferenceModel?
) throws(TaperError) -> FloatAnswers? {
    guard settings.metric.needsFullPrecision, let reference else { return nil }
    return try FloatAnswers(
        reference, prompts: runner.prompts, limit: settings.maxNewTokens, stop: runner.stopTokens
    ) { _ in }
}

/// Scores and costs of one schedule. Bits are means over the examples of the means over their steps; bytes are means over all
/// steps.
private func candidate(
    _ schedule: PrecisionSchedule, _ outcomes: [TaskRunner.Outcome], _ runner: TaskRunner, metric: TaskMetric,
    comparedWith: [[Int]], _ code: CodeJudge?
) throws(TaperError) -> CandidateResult {
    var result = CandidateResult(
        schedule: schedule, scores: MetricScores(metric), averageBits: 0, bytesPerToken: 0)
    if !metric.needsFullPrecision {
        let texts = outcomes.map { runner.text($0.answer) }
        result.scores = MetricScores(
            metric, tallies: try metric.tallies(texts, references: runner.references, code: code))
    }
    var byteCount = 0
    var stepCount = 0
    for (index, outcome) in outcomes.enumerated() {
        let steps = metric == .kl ? outcome.pathBits : outcome.answer.bits
        if metric == .kl {
            result.scores.append(MetricTally(score: outcome.divergence?.mean ?? 0))
        } else if metric == .agreement {
            result.scores.append(
                MetricTally(score: TokenAgreement.positions(outcome.answer.tokens, comparedWith[index])))
        }
        // An answer of one token has no decode step; it counts at the precision the schedule starts with.
        let own = steps.isEmpty ? [schedule.bits(atStep: 0)] : steps
        result.averageBits += (Precision.mean(own) ?? 0) / Double(outcomes.count)
        byteCount += own.reduce(0) { $0 + runner.bytesPerToken(bits: $1) }
        stepCount += own.count
    }
    result.bytesPerToken = Double(byteCount) / Double(max(1, stepCount))
    return result
}

/// The schedule as bundles store it, with everything that was measured.
private func calibrated(
    _ settings: TaskCalibrationSettings, _ outcome: ScheduleSearch.Outcome, _ runner: TaskRunner, longestAnswer: Int,
    hasReference: Bool
) -> CalibratedSchedule {
    func summary(_ candidate: CandidateResult) -> JSONValue {
        let difference = candidate.scores.difference(to: outcome.reference.scores)
        return .object([
            .init("schedule", .string(candidate.schedule.text)),
            .init("score", .number(round6(candidate.score))),
            .init("average_bits", .number(round6(candidate.averageBits))),
            .init("bytes_per_token", .integer(Int(candidate.bytesPerToken.rounded()))),
            .init("difference", .number(round6(difference?.value ?? 0))),
            .init("standard_error", .number(round6(difference?.standardError ?? 0))),
            .init("low", .number(round6(difference?.interval.lowerBound ?? 0))),
            .init("high", .number(round6(difference?.interval.upperBound ?? 0))),
        ])
    }
    let metric = settings.metric
    let chosen = outcome.chosen
    // Of a constant highest precision the difference is zero, so what the others scatter by tells the noise.
    let standardErrors = outcome.candidates.compactMap {
        $0.scores.difference(to: outcome.reference.scores)?.standardError
    }
    let own = chosen.scores.difference(to: outcome.reference.scores)?.standardError ?? 0
    let standardError = own > 0 ? own : standardErrors.filter { $0 > 0 }.min() ?? 0
    let exampleCount = runner.prompts.count
    typealias Key = ScheduleEvidence.Key
    let evidence = JSONValue.object([
        .init("method", .string("static")),
        .init(Key.examples, .integer(exampleCount)),
        .init("data", .string(settings.kind.rawValue)),
        .init("max_new_tokens", .integer(settings.maxNewTokens)),
        .init(Key.longestAnswer, .integer(longestAnswer)),
        .init(
            "compared_with",
            .string(
                metric == .passAt1
                    ? "tests"
                    : !metric.needsFullPrecision
                        ? "references" : hasReference ? "full precision" : "highest precision")),
        .init("objective", .string("bytes per token")),
        .init("reference_score", .number(round6(outcome.referenceScore))),
        .init(Key.isWithinTolerance, .bool(outcome.isWithinTolerance)),
        .init("decode_high_bits", outcome.decodeHigh.json),
        .init("bytes_per_token", .integer(Int(chosen.bytesPerToken.rounded()))),
        .init("highest_bytes_per_token", .integer(Int(outcome.reference.bytesPerToken.rounded()))),
        .init(Key.schedulesMeasured, .integer(outcome.candidates.count)),
        .init(Key.schedulesOfFullGrid, .integer(outcome.fullGridCount)),
        .init("answers", .integer(runner.answerCount)),
        .init(Key.decodeSteps, .integer(runner.stepCount)),
        .init(Key.sharedDecodeSteps, .integer(runner.sharedStepCount)),
        .init(Key.standardError, .number(round6(standardError))),
        .init(Key.isToleranceBelowNoise, .bool(standardError > settings.tolerance * metric.scale)),
        .init(Key.candidates, .array(outcome.candidates.map(summary))),
    ])
    return CalibratedSchedule(
        task: settings.task, metric: metric.rawValue, schedule: chosen.schedule, maxNewTokens: settings.maxNewTokens,
        averageBits: round6(chosen.averageBits), score: round6(chosen.score),
        referenceScore: round6(outcome.referenceScore), tolerance: settings.tolerance,
        evidence: ScheduleEvidence(evidence))
}
