import Decoding
public import Model
import Runtime
public import Storage

extension TaskRunner {
    /// Answers with precision by need, several at work together: each is what it is alone. One outcome per example, in the order given.
    public func run(
        _ examples: [Int], adaptive rule: AdaptiveRule, sampling: AnswerSampling? = nil,
        progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [Outcome] {
        let batch = DecodeBatch<ScheduledPlan>(engine)
        let places = min(places(strategies: 1), Self.adaptivePlaces)
        var outcomes = examples.map { _ in Outcome() }
        var working: [(place: Int, generation: Generation<ScheduledPlan>)] = []
        var admitted = 0
        while admitted < examples.count || !working.isEmpty {
            try Interrupt.check("Nothing was written")
            while admitted < examples.count, working.count < places {
                let example = examples[admitted]
                let prompt = try memory.read(prompts[example], example: example, bits: rule.prefill)
                let generation = Generation(
                    prompt.sequence,
                    plan: ScheduledPlan(
                        .adaptive(rule), sampler: sampling?.sampler(example: example) ?? Sampler(.greedy),
                        maxNewTokens: maxNewTokens),
                    prompt: prompts[example], limit: maxNewTokens, stopTokens: stopTokens)
                try batch.admit(generation, logits: prompt.logits)
                working.append((admitted, generation))
                admitted += 1
            }
            try batch.tick()
            for (place, generation) in working where generation.stopReason != nil {
                if let failure = generation.failure { throw failure }
                outcomes[place].answer = Answer(
                    tokens: generation.tokens, bits: generation.bitsPerStep, adaptive: generation.adaptiveCounts)
                memory.release(generation.sequence)
            }
            working.removeAll { $0.generation.stopReason != nil }
            progress(Double(admitted - working.count) / Double(max(1, examples.count)))
        }
        return outcomes
    }

    /// A step at two precisions reads both: more rows share them no better.
    private static let adaptivePlaces = 16

    /// How much less likely a precision finds the tokens of a text than its own likeliest: mean over the tokens, in nats, for every
    /// example. Of an answer that ends by itself its end counts like a token: the stop token that the precision finds likeliest.
    public func losses(
        _ answers: [(example: Int, answer: Answer)], bits: Precision, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [Double] {
        var losses: [Double] = []
        for (example, answer) in answers {
            try Interrupt.check("Nothing was written")
            let tokens = answer.tokens
            // A step more than tokens follow the first: it drew a stop token, and so did the prompt of an empty answer.
            let ends = answer.bits.count == tokens.count
            var sum = 0.0
            func add(_ logits: UnsafeBufferPointer<Float>, _ place: Int) {
                var chosen = -Float.infinity
                if place < tokens.count {
                    chosen = logits[tokens[place]]
                } else {
                    for token in stopTokens { chosen = max(chosen, logits[token]) }
                }
                sum += Double(logits[Sampler.likeliest(logits)] - chosen)
            }
            let prompt = try memory.read(prompts[example], example: example, bits: bits)
            let read = ends ? tokens : Array(tokens.dropLast())
            prompt.logits.withUnsafeBufferPointer { add($0, 0) }
            if !read.isEmpty {
                try engine.read(read, into: prompt.sequence, wanting: .all, bits: bits) { add($1, $0 + 1) }
            }
            memory.release(prompt.sequence)
            losses.append(sum / Double(read.count + 1))
            progress(Double(losses.count) / Double(answers.count))
        }
        return losses
    }
}
