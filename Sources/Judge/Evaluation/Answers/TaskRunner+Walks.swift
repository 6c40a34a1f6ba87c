import Decoding
import Model
import Runtime
import Storage

extension TaskRunner {
    /// Reading a prompt is taken for three parts in ten of the work.
    private static let readingShare = 0.3

    /// Answers, where the next example is read when places get free.
    /// - Parameter progress: hears the work done, in examples.
    func write(
        _ examples: [Int], _ strategies: [DecodeStrategy], sampling: AnswerSampling?, places: Int,
        progress: (Double) -> Void
    ) throws(TaperError) -> [[Outcome]] {
        var results = examples.map { _ in [Outcome](repeating: Outcome(), count: strategies.count) }
        let walk = AnswerWalk(memory, rows: places * strategies.count)
        var admitted = 0
        var goesOn = true
        while goesOn || admitted < examples.count {
            while admitted < examples.count, walk.hasRoom(strategies: strategies.count) {
                let example = examples[admitted]
                for root in try read(example, slot: admitted, strategies, &results[admitted]) {
                    try walk.write(
                        root, limit: maxNewTokens, stop: stopTokens,
                        drawing: sampling?.sampler(example: example))
                }
                admitted += 1
            }
            goesOn = try walk.advance()
            let work = walk.tokensBySlot
            progress(
                Self.readingShare * Double(admitted) + (1 - Self.readingShare)
                    * (Double(admitted - work.count)
                        + work.values.reduce(0) { $0 + Double($1) / Double(maxNewTokens) }))
        }
        collect(walk, into: &results)
        return results
    }

    /// Divergences along texts, then answers if asked for; all examples together.
    func follow(
        _ paths: ForcedPaths, _ examples: [Int], _ strategies: [DecodeStrategy], writes: Bool,
        progress: (Double) -> Void
    ) throws(TaperError) -> [[Outcome]] {
        var results = examples.map { _ in [Outcome](repeating: Outcome(), count: strategies.count) }
        var roots: [AnswerWalk.Root] = []
        var comparisons: [PathComparison] = []
        for (slot, example) in examples.enumerated() {
            comparisons.append(try PathComparison(paths, example: example, ops: ops))
            roots += try read(example, slot: slot, strategies, &results[slot])
            progress(Self.readingShare * Double(slot + 1))
        }
        // A text that is followed is as much work as an answer.
        let share = (1 - Self.readingShare) / 2
        let walk = AnswerWalk(memory, rows: Int.max, keeping: roots.map(\.prompt.sequence))
        for root in roots { try walk.follow(root, comparisons[root.slot]) }
        var position = 0
        repeat {
            for comparison in comparisons where position <= comparison.tokens.count { comparison.prepare(position) }
            position += 1
            progress(
                (Self.readingShare + share * min(1, Double(position) / Double(maxNewTokens))) * Double(examples.count))
        } while try walk.advance()
        for generation in walk.finished {
            for member in generation.plan.members {
                results[generation.plan.slot][member.index].divergence = generation.plan.sampler.divergence
                results[generation.plan.slot][member.index].pathBits = generation.bitsPerStep
            }
        }
        stepCount += walk.stepCount
        sharedStepCount += walk.sharedStepCount
        for root in roots { root.prompt.sequence.truncate(to: root.tokens.count) }
        guard writes else {
            for root in roots { memory.release(root.prompt.sequence) }
            return results
        }
        let writing = AnswerWalk(memory, rows: Int.max)
        for root in roots { try writing.write(root, limit: maxNewTokens, stop: stopTokens) }
        while try writing.advance() {
            let work = writing.tokensBySlot
            let done =
                Double(examples.count - work.count)
                + work.values.reduce(0) { $0 + Double($1) / Double(maxNewTokens) }
            progress((Self.readingShare + share) * Double(examples.count) + share * done)
        }
        collect(writing, into: &results)
        return results
    }

    private func collect(_ walk: AnswerWalk, into results: inout [[Outcome]]) {
        for generation in walk.finished {
            for member in generation.plan.members {
                results[generation.plan.slot][member.index].answer = Answer(
                    tokens: generation.tokens, bits: generation.bitsPerStep)
            }
        }
        stepCount += walk.stepCount
        sharedStepCount += walk.sharedStepCount
    }

    /// Reads an example's prompt once per prefill precision.
    private func read(
        _ example: Int, slot: Int, _ strategies: [DecodeStrategy], _ outcomes: inout [Outcome]
    ) throws(TaperError) -> [AnswerWalk.Root] {
        try Interrupt.check("Nothing was written")
        var roots: [AnswerWalk.Root] = []
        for bits in Set(strategies.map(\.prefillBits)).sorted().reversed() {
            let prompt = try memory.read(prompts[example], example: example, bits: bits)
            var members: [(index: Int, state: StrategyState)] = []
            for (index, strategy) in strategies.enumerated() where strategy.prefillBits == bits {
                let state = try StrategyState(strategy, example: example, engine, prompt.sequence)
                outcomes[index].schedule = state.schedule
                members.append((index, state))
            }
            roots.append(
                AnswerWalk.Root(
                    slot: slot, prefillBits: bits, tokens: prompts[example], members: members, prompt: prompt))
        }
        return roots
    }
}
