public import Bundle
public import Evaluation
public import Kernels
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
    /// Precisions the search may use, rungs included; empty for all of the bundle's.
    public var precisions: [Precision]

    public init(task: String, metric: TaskMetric, maxNewTokens: Int, tolerance: Double, precisions: [Precision] = []) {
        self.task = task
        self.metric = metric
        self.maxNewTokens = maxNewTokens
        self.tolerance = tolerance
        self.precisions = precisions
    }
}

/// Calibrates one task on a bundle: the schedule with the fewest bits whose score is within the tolerance of always
/// decoding at the highest precision, with the evidence for it.
///
/// - Parameter reference: the full-precision model, whose outputs `agreement` compares with; without it the bundle's
///   own highest precision stands in, and the evidence says so.
public func calibrateTask(
    bundle: Bundle, examples: [TaskExample], settings: TaskCalibrationSettings, reference: ReferenceModel?,
    pool: ThreadPool, progress: (Double) -> Void
) throws(TaperError) -> Schedule {
    let available = try bundle.servedPrecisions()
    let precisions = settings.precisions.isEmpty ? available : settings.precisions.sorted()
    for bits in precisions where !available.contains(bits) {
        throw TaperError(
            .usage, "the bundle has no precision of \(bits) bits", at: bundle.path,
            expected: "of " + Precision.text(available), found: bits.text)
    }
    let runner = try TaskRunner(
        bundle: bundle, examples: examples, maxNewTokens: settings.maxNewTokens, pool: pool,
        place: "task " + settings.task)
    guard settings.metric != .kl || reference != nil else {
        throw TaperError(
            .usage, "kl compares with the full-precision model's distributions", at: "--metric",
            remedy: "Name the checkpoint with --reference")
    }
    var outputs: [[Int]] = []
    if !settings.metric.comparesTexts, let reference {
        for prompt in runner.prompts {
            outputs.append(try reference.greedy(prompt, maxNewTokens: settings.maxNewTokens, stop: runner.stopTokens))
        }
    }
    let stages = Double(precisions.count)
    var stage = 0.0
    let search = ScheduleSearch(
        precisions: precisions, maxNewTokens: settings.maxNewTokens, tolerance: settings.tolerance)
    let divergence =
        try settings.metric == .kl
        ? reference.map { reference throws(TaperError) in
            try AnswerDivergence(
                runner.rendered, answers: outputs, maxNewTokens: settings.maxNewTokens, reference: reference,
                pool: pool,
                place: "task " + settings.task)
        } : nil
    let outcome = try search.run { schedules throws(TaperError) in
        if let divergence {
            let scores = try divergence.run(
                .bundle(runner.transformer, schedules.map { ($0.text, $0) })
            ) { progress(min(1, (stage + $0) / stages)) }
            stage += 1
            return zip(schedules, scores).map { schedule, scores in
                CandidateResult(
                    schedule: schedule, scores: scores, averageBits: divergence.averageBits(schedule))
            }
        }
        var results = schedules.map {
            CandidateResult(schedule: $0, scores: MetricScores(settings.metric), averageBits: 0)
        }
        for index in examples.indices {
            let answers = try runner.answers(index, schedules: schedules)
            if settings.metric == .agreement, outputs.count <= index, let highest = answers.first {
                outputs.append(highest.tokens)
            }
            for (order, answer) in answers.enumerated() {
                results[order].scores.append(
                    settings.metric.comparesTexts
                        ? settings.metric.tally(
                            answer: runner.text(answer), references: runner.references[index])
                        : MetricTally(score: TokenAgreement.positions(answer.tokens, outputs[index])))
                // An answer of one token has no decode step; it counts at the precision the schedule starts with.
                let bits = answer.bits.isEmpty ? schedules[order].steps.first?.bits.bits ?? 0 : answer.averageBits
                results[order].averageBits += bits / Double(examples.count)
            }
            progress(min(1, (stage + Double(index + 1) / Double(examples.count)) / stages))
        }
        stage += 1
        return results
    }
    func summary(_ candidate: CandidateResult) -> JSONValue {
        let difference = candidate.scores.difference(to: outcome.reference.scores)
        return .object([
            .init("schedule", .string(candidate.schedule.text)),
            .init("score", .number(round6(candidate.score))),
            .init("average_bits", .number(round6(candidate.averageBits))),
            .init("difference", .number(round6(difference?.value ?? 0))),
            .init("standard_error", .number(round6(difference?.standardError ?? 0))),
        ])
    }
    let difference = outcome.chosen.scores.difference(to: outcome.reference.scores)
    let standardError = difference?.standardError ?? 0
    let evidence = JSONValue.object([
        .init("method", .string("static")),
        .init("examples", .integer(examples.count)),
        .init(
            "compared_with",
            .string(
                settings.metric.comparesTexts
                    ? "references" : reference == nil ? "highest precision" : "full precision")),
        .init("decode_high_bits", outcome.decodeHigh.json),
        .init("decode_steps", .integer(runner.stepCount)),
        .init("shared_decode_steps", .integer(runner.sharedStepCount)),
        .init("standard_error", .number(round6(standardError))),
        .init("tolerance_below_noise", .bool(standardError > settings.tolerance * settings.metric.scale)),
        .init("candidates", .array(outcome.candidates.map(summary))),
    ])
    return Schedule(
        task: settings.task, metric: settings.metric.rawValue, prefillBits: outcome.chosen.schedule.prefillBits,
        steps: outcome.chosen.schedule.steps.map { Schedule.Step(fromStep: $0.fromStep, bits: $0.bits) },
        maxNewTokens: settings.maxNewTokens, averageBits: round6(outcome.chosen.averageBits),
        score: round6(outcome.chosen.score), referenceScore: round6(outcome.reference.score),
        tolerance: settings.tolerance, evidence: evidence)
}
