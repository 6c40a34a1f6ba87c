import Model
public import Storage

/// Generations at work together: the one decode loop.
///
/// A tick moves every generation on by one step: a prompt by a chunk, all others by a token. Their rows go through the weights
/// together, whatever the precision of each. Whoever is admitted when, every generation gets what it would have got alone. One thread
/// calls.
public final class DecodeBatch<Plan: DecodePlan> {
    public typealias Executor = Plan.Executor

    public let executor: Executor
    /// Room for generations that are at work, in the unit of `Generation.cost`.
    public let capacity: Int
    /// Generations at work at most.
    public let places: Int
    /// Tokens of a prompt that one tick reads at most: a long prompt does not keep the others waiting.
    public let prefillChunk: Int
    /// Tokens of all prompts that one tick reads at most, first come first: nor do many prompts.
    public let prefillBudget: Int

    /// At work, in the order of their admission.
    public private(set) var live: [Generation<Plan>] = []
    /// Not begun yet, first come first.
    private var waiting: [Generation<Plan>] = []

    /// Of the rows that run together: filled anew for every precision.
    private var rows = Rows<Executor.Sequence>()
    private var members: [Generation<Plan>] = []
    /// Of a draft's steps.
    var draftRows = Rows<Executor.Sequence>()

    public init(
        _ executor: Executor, places: Int = Int.max, capacity: Int = Int.max, prefillChunk: Int = Int.max,
        prefillBudget: Int = Int.max
    ) {
        precondition(places > 0 && prefillChunk > 0 && prefillBudget > 0, "a batch that could do nothing")
        self.executor = executor
        self.places = places
        self.capacity = capacity
        self.prefillChunk = prefillChunk
        self.prefillBudget = prefillBudget
    }

    public var isEmpty: Bool { live.isEmpty && waiting.isEmpty }

    /// Whether a generation of this cost would begin with the next tick. One that is alone always does.
    public func hasRoom(cost: Int = 1) -> Bool {
        let expected = waiting.reduce(usedCapacity) { $0 + $1.cost }
        return isEmpty || live.count + waiting.count < places && cost <= capacity - expected
    }

    private var usedCapacity: Int { live.reduce(0) { $0 + $1.cost } }

    // MARK: Coming and going

    /// Takes a generation in; it begins with the tick that has room for it.
    ///
    /// - Parameter logits: after the prompt, [vocabularySize], where its sequence holds the prompt already.
    /// - Throws: what is wrong with the prompt.
    public func admit(_ generation: Generation<Plan>, logits: [Float] = []) throws(TaperError) {
        if logits.isEmpty { try executor.check(generation.prompt, continuing: generation.sequence) }
        generation.knownLogits = logits
        waiting.append(generation)
    }

    /// Takes in a twin of one that is at work; it has its place from now on.
    public func admit(twin: Generation<Plan>) {
        precondition(twin.isDecoding, "a twin is past its prompt")
        live.append(twin)
    }

    /// Ends a generation before its time; what it has written stays with it.
    public func cancel(_ generation: Generation<Plan>) {
        generation.takeBack()
        generation.end(.caller)
        waiting.removeAll { $0 === generation }
        retire()
    }

    func retire() {
        guard live.contains(where: { $0.stopReason != nil }) else { return }
        live.removeAll { $0.stopReason != nil }
    }

    // MARK: The loop

    /// One step of everything at work. Generations that end are in `live` no longer.
    ///
    /// - Parameter onToken: hears of every generation that has a new token, the last of its `tokens`; returns whether it is to
    ///   go on.
    /// - Throws: an interrupt. Errors, it too, end those that they befell, and are their `failure`.
    public func tick(onToken: (Generation<Plan>) -> Bool = { _ in true }) throws(TaperError) {
        while let next = waiting.first, live.isEmpty || live.count < places && next.cost <= capacity - usedCapacity {
            waiting.removeFirst()
            next.phaseStart = monotonicSeconds()
            live.append(next)
        }
        var budget = prefillBudget
        for generation in live where generation.knownLogits.isEmpty && generation.stopReason == nil {
            if !generation.isDecoding {
                generation.chunkCount = min(prefillChunk, budget, generation.prompt.count - generation.readCount)
                budget -= generation.chunkCount
                if generation.chunkCount == 0 { continue }
            }
            generation.pendingBits =
                generation.isDecoding ? generation.nextBits : generation.plan.prefillBits
        }
        if live.count == 1 { try draftAlone(live[0]) }
        // Every draft is verified by the step it was made for.
        defer { for generation in live { generation.dropDrafts() } }
        try run(onToken)
        for generation in live where !generation.knownLogits.isEmpty && generation.stopReason == nil {
            startFromKnownLogits(generation, onToken)
        }
        retire()
    }

    /// All rows of a tick, in one call of the executor: next tokens, then chunks of prompts, both from low bits to high. What is
    /// one token each stays together, and so does what has the same precision.
    private func run(_ onToken: (Generation<Plan>) -> Bool) throws(TaperError) {
        rows.removeAll()
        members.empty()
        defer { for generation in members { generation.pendingBits = 0 } }
        for decodes in [true, false] {
            var bits = next(after: 0, decoding: decodes)
            while let current = bits {
                for generation in live where generation.pendingBits == current && generation.isDecoding == decodes {
                    append(generation)
                }
                bits = next(after: current, decoding: decodes)
            }
        }
        guard !members.isEmpty else { return }
        let start = monotonicSeconds()
        let verifies = !members[0].drafts.isEmpty
        precondition(!verifies || members.count == 1, "drafts of an answer that is not alone")
        let position = members[0].sequence.position
        let sampler = verifies ? members[0].plan.sampler : nil
        do throws(TaperError) {
            let failures = try executor.run(rows, bits: .highest) { wanted in
                if verifies {
                    for row in wanted { verify(members[0], row) }
                } else if members.contains(where: { $0.adaptation?.unsure != nil }) {
                    for row in wanted { draw(members[row.chunk], row) }
                } else {
                    executor.inParallel(wanted.count) { draw(members[wanted[$0].chunk], wanted[$0]) }
                }
            }
            for failure in failures {
                // What failed may be a draft that would have been refused.
                if let sampler {
                    withdraw(members[failure.chunk], to: position, sampler)
                    return try run(onToken)
                }
                members[failure.chunk].end(.failed, failure.error)
            }
        } catch {
            // Sequences may be ahead of their generations.
            for generation in members { generation.end(.failed, error) }
            if error.code == .interrupted {
                retire()
                throw error
            }
        }
        for (generation, chunk) in zip(members, rows.chunks) where generation.stopReason == nil {
            if verifies {
                takeVerified(generation, from: position, seconds: monotonicSeconds() - start, onToken)
                continue
            }
            if generation.adaptation != nil && generation.isDecoding {
                takeAdapted(generation, onToken)
                continue
            }
            if generation.isDecoding {
                generation.bitsPerStep.append(generation.pendingBits)
                // What it takes in company says nothing of what it takes alone.
                if members.count == 1 {
                    generation.policy?.verified(
                        [], accepted: 0, tokens: 1, draftSeconds: generation.draftSeconds,
                        seconds: monotonicSeconds() - start)
                }
            } else {
                generation.readCount += chunk.range.count
                guard generation.readCount == generation.prompt.count else { continue }
                finishPrompt(generation)
            }
            take(generation, at: generation.sequence.position, onToken)
        }
    }

    /// The least precision above one that any of the generations waits for.
    private func next(after bits: Precision, decoding: Bool) -> Precision? {
        var least: Precision?
        for generation in live
        where generation.pendingBits > bits && generation.isDecoding == decoding && generation.stopReason == nil {
            least = min(least ?? generation.pendingBits, generation.pendingBits)
        }
        return least
    }

    private func append(_ generation: Generation<Plan>) {
        members.append(generation)
        let bits = generation.pendingBits
        if !generation.drafts.isEmpty {
            let sampler = generation.plan.sampler
            generation.hasParted = false
            generation.verified.empty()
            return rows.append(
                [generation.tokens[generation.tokens.count - 1]] + generation.drafts, to: generation.sequence,
                wanting: .all, bits: bits, leading: sampler.leadingLogits,
                and: sampler.changedTokens + (sampler.changesDrawnTokens ? generation.drafts : []))
        }
        if generation.adaptation != nil && generation.isDecoding { return appendAdapted(generation, to: &rows) }
        if generation.isDecoding {
            return rows.append(
                generation.tokens[generation.tokens.count - 1], to: generation.sequence, bits: bits,
                leading: generation.plan.sampler.leadingLogits, and: generation.plan.sampler.changedTokens)
        }
        let end = generation.readCount + generation.chunkCount
        rows.append(
            generation.prompt[generation.readCount..<end], to: generation.sequence,
            wanting: end == generation.prompt.count ? .last : .none, bits: bits,
            leading: generation.plan.sampler.leadingLogits, and: generation.plan.sampler.changedTokens)
    }

    /// The only place where tokens are chosen. Those of different generations on several threads at once.
    private func draw(_ generation: Generation<Plan>, _ row: LogitRow) {
        if generation.adaptation != nil && generation.isDecoding { return drawAdapted(generation, row) }
        draw(generation, row.logits)
    }

    private func draw(_ generation: Generation<Plan>, _ logits: UnsafeMutableBufferPointer<Float>) {
        if generation.limit > 0 { generation.drawn = generation.plan.sampler.sample(logits) }
    }

    private func finishPrompt(_ generation: Generation<Plan>) {
        generation.promptEnd = generation.sequence.position
        let prefillEnd = monotonicSeconds()
        generation.prefillSeconds = prefillEnd - generation.phaseStart
        generation.plan.promptWasRead(by: executor, generation.sequence)
        if let rule = generation.plan.adaptive {
            generation.adaptation = Adaptation(rule, generation.plan.sampler)
        }
        generation.phaseStart = monotonicSeconds()
        generation.schedulingSeconds = generation.phaseStart - prefillEnd
    }

    /// What becomes of the token that was drawn.
    /// - Parameter position: of the sequence, where the token would be read.
    func take(_ generation: Generation<Plan>, at position: Int, _ onToken: (Generation<Plan>) -> Bool) {
        if generation.limit == 0 { return generation.end(.length) }
        if generation.stopTokens.contains(generation.drawn) { return generation.end(.endOfSequence) }
        generation.tokens.append(generation.drawn)
        if !onToken(generation) {
            generation.end(.caller)
        } else if generation.tokens.count == generation.limit {
            generation.end(.length)
        } else if position >= generation.sequence.capacity {
            generation.end(.contextFull)
        }
    }

    private func startFromKnownLogits(_ generation: Generation<Plan>, _ onToken: (Generation<Plan>) -> Bool) {
        generation.readCount = generation.prompt.count
        finishPrompt(generation)
        generation.knownLogits.withUnsafeMutableBufferPointer { draw(generation, $0) }
        generation.adaptation?.toldSampler = generation.plan.sampler
        generation.knownLogits = []
        take(generation, at: generation.sequence.position, onToken)
    }
}
