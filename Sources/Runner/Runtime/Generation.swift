public import Model
public import Storage

/// What one generation did and cost.
public struct GenerationResult: Sendable {
    public enum StopReason: String, Sendable {
        /// The model wrote one of the stop tokens.
        case endOfSequence = "end"
        /// As many new tokens as asked for.
        case length
        /// No position was left in the context.
        case contextFull = "context"
        /// The caller did not want more.
        case caller = "stopped"
    }

    /// New tokens, without the stop token.
    public var tokens: [Int] = []
    /// Bits of every decode step; the first new token comes from the prefill, so this is one shorter than `tokens`,
    /// or as long when a stop token was drawn.
    public var bitsPerStep: [Precision] = []
    public var prefillBits: Precision = 0
    public var prefillTokens = 0
    public var prefillSeconds = 0.0
    /// Asking the scheduler, between prefill and decode.
    public var schedulingSeconds = 0.0
    public var decodeSeconds = 0.0
    public var stopReason = StopReason.length
    /// Weights and cache entries read by all decode steps.
    public var decodedBytes = 0

    public var decodeSteps: Int { bitsPerStep.count }

    /// Mean of the decode steps' bits (`prefillBits` when there was none).
    public var averageBits: Double {
        Precision.mean(bitsPerStep) ?? prefillBits.bits
    }
    /// Mean bytes read per decode step: weights, tables, head and cache.
    public var bytesPerToken: Double {
        bitsPerStep.isEmpty ? 0 : Double(decodedBytes) / Double(bitsPerStep.count)
    }
    public var prefillTokensPerSecond: Double { prefillSeconds > 0 ? Double(prefillTokens) / prefillSeconds : 0 }
    public var decodeTokensPerSecond: Double { decodeSeconds > 0 ? Double(decodeSteps) / decodeSeconds : 0 }

    /// Where the precision changed: the first decode step of each run of equal bits.
    public var switchPoints: [PrecisionSchedule.Step] {
        var points: [PrecisionSchedule.Step] = []
        for (step, bits) in bitsPerStep.enumerated() where points.last?.bits != bits {
            points.append(PrecisionSchedule.Step(fromStep: step, bits: bits))
        }
        return points
    }

    public init() {}
}

/// Progressive mixed-precision decoding: prefill at one precision, then decode along the schedule, which the scheduler may
/// choose once the prompt has been read.
///
/// The prompt continues whatever the transformer already holds. Every new token is handed to `onToken` with the bits of
/// the step that made it; `onToken` returns whether to go on. The last new token is not in the cache afterwards.
/// - Parameter maxNewTokens: negative for no limit but the context.
/// - Throws: `badData` when the prompt is empty or does not fit the context.
public func generate(
    _ transformer: Transformer, prompt: [Int], maxNewTokens: Int, scheduler: DecodeScheduler, sampler: inout Sampler,
    stopTokens: [Int], onToken: (Int, Precision) -> Bool
) throws(TaperError) -> GenerationResult {
    var result = GenerationResult()
    result.prefillBits = scheduler.prefillBits
    result.prefillTokens = prompt.count
    let limit = maxNewTokens < 0 ? transformer.contextLength : maxNewTokens
    let expected = min(limit, transformer.contextLength - min(transformer.position, transformer.contextLength))
    result.tokens.reserveCapacity(expected)
    result.bitsPerStep.reserveCapacity(expected)

    sampler.observe(prompt)
    let start = monotonicSeconds()
    var logits = try transformer.forward(prompt, bits: scheduler.prefillBits)
    let prefillEnd = monotonicSeconds()
    result.prefillSeconds = prefillEnd - start
    let schedule = scheduler.schedule(
        after: transformer, positions: transformer.position, maxNewTokens: maxNewTokens)
    let decodeStart = monotonicSeconds()
    result.schedulingSeconds = decodeStart - prefillEnd

    var bits = scheduler.prefillBits
    while true {
        if result.tokens.count >= limit {
            result.stopReason = .length
            break
        }
        let token = sampler.sample(logits)
        if stopTokens.contains(token) {
            result.stopReason = .endOfSequence
            break
        }
        result.tokens.append(token)
        if !onToken(token, bits) {
            result.stopReason = .caller
            break
        }
        if result.tokens.count >= limit {
            result.stopReason = .length
            break
        }
        if transformer.position >= transformer.contextLength {
            result.stopReason = .contextFull
            break
        }
        bits = schedule.bits(atStep: result.bitsPerStep.count)
        result.decodedBytes +=
            transformer.bytesPerToken(bits: bits) + transformer.cacheBytes(at: transformer.position + 1)
        logits = try transformer.forward(token, bits: bits)
        result.bitsPerStep.append(bits)
    }
    result.decodeSeconds = monotonicSeconds() - decodeStart
    return result
}

/// The same along a schedule known before.
public func generate(
    _ transformer: Transformer, prompt: [Int], maxNewTokens: Int, schedule: PrecisionSchedule, sampler: inout Sampler,
    stopTokens: [Int], onToken: (Int, Precision) -> Bool
) throws(TaperError) -> GenerationResult {
    try generate(
        transformer, prompt: prompt, maxNewTokens: maxNewTokens, scheduler: .fixed(schedule), sampler: &sampler,
        stopTokens: stopTokens, onToken: onToken)
}
