import Decoding
import Kernels
public import Model
public import Runtime
public import Storage

/// An answer written alone, as the runner writes it: by the clock and by the engine's own counts.
public struct MeasuredAnswer: Sendable {
    public var answer = TaskRunner.Answer()
    /// Of all decode steps, drafts included.
    public var seconds = 0.0
    /// Bytes of weights that they read, drafts included.
    public var weightBytes = 0
    /// Tokens drafted, those of them that were right, and steps that verified some.
    public var draftedCount = 0
    public var acceptedCount = 0
    public var verificationCount = 0
    /// Of a decode step at the precision of comparison, right afterwards; nil where the answer ends with its first token.
    public var plainSecondsPerStep: Double?
}

extension TaskRunner {
    /// Steps of comparison: enough for a clock, few beside an answer.
    private static let plainSteps = 32

    /// One answer by a scheduler that sees the generation itself, perhaps drafted ahead.
    ///
    /// - Parameters:
    ///   - draftBits: nil: nothing is drafted.
    ///   - plainBits: precision of some further steps that are timed, so that times taken while the machine was busy compare with
    ///     others.
    ///   - sampling: nil for a greedy answer.
    public func generate(
        _ example: Int, _ scheduler: DecodeScheduler, draftBits: Precision? = nil, plainBits: Precision,
        sampling: AnswerSampling? = nil
    ) throws(TaperError) -> MeasuredAnswer {
        var speculation: Speculation?
        if let draftBits { speculation = try engine.weights.speculation(draftBits: draftBits) }
        var result = MeasuredAnswer()
        let (generation, seconds) = try decode(
            example, scheduler, limit: maxNewTokens, speculation: speculation, sampling: sampling, result: &result)
        result.answer = Answer(
            tokens: generation.tokens, bits: generation.bitsPerStep, adaptive: generation.adaptiveCounts)
        result.seconds = seconds
        result.draftedCount = generation.speculationCounts.drafted + generation.speculationCounts.repeated
        result.acceptedCount = generation.speculationCounts.accepted
        result.verificationCount = generation.speculationCounts.verifications
        var plain = MeasuredAnswer()
        let (steps, plainSeconds) = try decode(
            example, .fixed(.constant(plainBits, prefillBits: scheduler.prefillBits)),
            limit: min(maxNewTokens, Self.plainSteps), speculation: nil, sampling: sampling, result: &plain)
        if !steps.bitsPerStep.isEmpty { result.plainSecondsPerStep = plainSeconds / Double(steps.bitsPerStep.count) }
        return result
    }

    /// Prompt and answer; the prompt's cost is not in what it returns and counts.
    private func decode(
        _ example: Int, _ scheduler: DecodeScheduler, limit: Int, speculation: Speculation?,
        sampling: AnswerSampling?, result: inout MeasuredAnswer
    ) throws(TaperError) -> (generation: Generation<ScheduledPlan>, seconds: Double) {
        try Interrupt.check("Nothing was written")
        let prompt = try memory.read(prompts[example], example: example, bits: scheduler.prefillBits)
        defer { memory.release(prompt.sequence) }
        let generation = Generation(
            prompt.sequence,
            plan: ScheduledPlan(
                scheduler, sampler: sampling?.sampler(example: example) ?? Sampler(.greedy), maxNewTokens: maxNewTokens,
                speculation: speculation),
            prompt: prompts[example], limit: limit, stopTokens: stopTokens)
        let batch = DecodeBatch<ScheduledPlan>(engine)
        try batch.admit(generation, logits: prompt.logits)
        // The first token is the prompt's.
        try batch.tick()
        let before = engine.counts
        let start = monotonicSeconds()
        while !batch.isEmpty { try batch.tick() }
        let seconds = monotonicSeconds() - start
        if let failure = generation.failure { throw failure }
        stepCount += generation.bitsPerStep.count
        result.weightBytes = engine.counts.since(before).weightBytes
        return (generation, seconds)
    }
}
