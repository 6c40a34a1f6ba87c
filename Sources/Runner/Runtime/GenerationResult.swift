import Bundle
public import Decoding
public import Model
public import Storage

/// What one generation did and cost.
public struct GenerationResult: Sendable {
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
    /// What drafting did; all zero without.
    public var speculation = SpeculationCounts()
    /// Weights and cache entries read by all decode steps.
    public var decodedBytes = 0
    private var work: WorkCounts?

    public var decodeSteps: Int { bitsPerStep.count }

    /// Mean of the decode steps' bits (`prefillBits` when there was none); with precision by need of all that was read for them.
    public var averageBits: Double {
        if let adaptive, decodeSteps > 0 { return adaptive.sum { $0.bits } / Double(decodeSteps) }
        return Precision.mean(bitsPerStep) ?? prefillBits.bits
    }
    /// What precision by need did; nil without.
    public private(set) var adaptive: AdaptiveCounts?
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

    /// Rows of the head that a step whose likeliest tokens alone were looked for read in full; nil where there was no such step.
    public var headRowsPerStep: Double? {
        work.map { $0.screenedRows == 0 ? nil : Double($0.exactHeadRows) / Double($0.screenedRows) } ?? nil
    }

    /// - Parameters:
    ///   - weights: that the steps read.
    ///   - cacheBytes: of keys and values that a step reads, by positions in the cache.
    ///   - work: of the steps, where it is known; else what they read is what is expected of them.
    public init<Plan: DecodePlan>(
        _ generation: Generation<Plan>, _ weights: TransformerWeights, cacheBytes: (Int) -> Int,
        work: WorkCounts? = nil
    ) {
        tokens = generation.tokens
        bitsPerStep = generation.bitsPerStep
        prefillBits = generation.plan.prefillBits
        prefillTokens = generation.prompt.count
        prefillSeconds = generation.prefillSeconds
        schedulingSeconds = generation.schedulingSeconds
        decodeSeconds = generation.decodeSeconds
        stopReason = generation.stopReason ?? .length
        speculation = generation.speculationCounts
        adaptive = generation.adaptiveCounts
        self.work = work
        if let work {
            decodedBytes = work.weightBytes + work.cacheBytes
            return
        }
        let leading = generation.plan.sampler.leadingLogits
        for (step, bits) in bitsPerStep.enumerated() {
            if adaptive == nil { decodedBytes += weights.bytesPerToken(bits: bits, leading: leading) }
            decodedBytes += cacheBytes(generation.promptEnd + step + 1)
        }
        if let adaptive {
            decodedBytes += Int(adaptive.sum { Double(weights.bytesPerToken(bits: $0, leading: leading)) })
        }
    }
}

/// One prompt alone: a batch of one.
///
/// The prompt continues whatever the sequence already holds. Every new token is handed to `onToken` with the bits of the
/// step that made it; `onToken` returns whether to go on. The last new token is not in the sequence afterwards.
/// - Parameters:
///   - maxNewTokens: negative for no limit but the context.
///   - ceiling: of precisions; looked at between steps, and between parts of a long prompt.
/// - Throws: `badData` when the prompt is empty or does not fit the context, and when a number is not finite.
public func generate(
    _ engine: Engine, _ sequence: TokenSequence, prompt: [Int], maxNewTokens: Int, scheduler: DecodeScheduler,
    speculation: Speculation? = nil, ceiling: PrecisionCeiling? = nil, sampler: inout Sampler, stopTokens: [Int],
    onToken: (Int, Precision) -> Bool
) throws(TaperError) -> GenerationResult {
    sampler.observe(prompt)
    let generation = Generation(
        sequence,
        plan: ScheduledPlan(
            scheduler, sampler: sampler, maxNewTokens: maxNewTokens, speculation: speculation, ceiling: ceiling),
        prompt: prompt,
        limit: maxNewTokens < 0 ? sequence.capacity : maxNewTokens, stopTokens: stopTokens)
    let batch = DecodeBatch<ScheduledPlan>(engine, prefillChunk: ceiling == nil ? Int.max : engine.rowLimit)
    try batch.admit(generation)
    var before: WorkCounts?
    while !batch.isEmpty {
        // What may be a loop is told late.
        if Interrupt.signal != 0 && generation.isDecoding {
            batch.cancel(generation)
            break
        }
        if let ceiling {
            let step = generation.isDecoding ? generation.bitsPerStep.count : nil
            ceiling.refresh(
                step: step, wanted: step.map { generation.plan.scheduled(atStep: $0) } ?? scheduler.prefillBits)
            if step == nil { try Interrupt.check("The prompt was not read to its end") }
        }
        try batch.tick { generation in
            onToken(
                generation.tokens[generation.tokens.count - 1],
                generation.bitsPerStep.last ?? generation.plan.prefillBits)
        }
        // The first ticks read the prompt.
        if before == nil, generation.readCount == prompt.count { before = engine.counts }
    }
    sampler = generation.plan.sampler
    if let failure = generation.failure { throw failure }
    return GenerationResult(
        generation, engine.weights, cacheBytes: { engine.cacheBytes(at: $0) },
        work: before.map { engine.counts.since($0) })
}
