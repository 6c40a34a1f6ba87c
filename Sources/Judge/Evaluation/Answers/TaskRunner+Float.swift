import Decoding
import Kernels
public import Model
public import Reference
import Runtime
public import Storage

extension TaskRunner {
    /// The same experiment with a float model's weights in the decode steps: prompts are read by the bundle, and the float
    /// model takes over its keys and values. One outcome per example.
    public func run(
        on model: ReferenceModel, prefillBits: Precision, paths: ForcedPaths, progress: (Double) -> Void
    ) throws(TaperError) -> [Outcome] {
        var outcomes: [Outcome] = []
        let batch = 32
        for start in stride(from: 0, to: prompts.count, by: batch) {
            var answers: [(index: Int, generation: Generation<FloatPlan<GreedySampler>>)] = []
            for index in start..<min(start + batch, prompts.count) {
                try Interrupt.check("Nothing was written")
                let prompt = prompts[index]
                let sequence = try memory.makeSequence()
                defer { memory.release(sequence) }
                // The first token is the bundle's.
                let generation = Generation(
                    sequence,
                    plan: ScheduledPlan(
                        .fixed(.constant(prefillBits)), sampler: Sampler(.greedy), maxNewTokens: 1),
                    prompt: prompt, limit: 1, stopTokens: stopTokens)
                let logits = Array(try engine.read(prompt, into: sequence, bits: prefillBits))
                let bundle = DecodeBatch<ScheduledPlan>(engine)
                try bundle.admit(generation, logits: logits)
                try bundle.tick()
                let continued = ReferenceSequence(
                    model.config,
                    layers: (0..<model.config.layerCount).map {
                        sequence.cachedLayer($0).floats(positions: prompt.count)
                    })
                var outcome = Outcome()
                outcome.divergence = try divergence(paths, index, continued, logits, model)
                outcome.answer.tokens = generation.tokens
                outcomes.append(outcome)
                if !generation.tokens.isEmpty, maxNewTokens > 1 {
                    answers.append(
                        (
                            index,
                            Generation(
                                continued, plan: FloatPlan(model.greedySampler), prompt: generation.tokens,
                                limit: maxNewTokens - 1, stopTokens: stopTokens)
                        ))
                }
                progress(
                    Double(start) / Double(prompts.count) + 0.6 * Double(index + 1 - start) / Double(prompts.count))
            }
            try model.write(answers.map(\.generation))
            for (index, generation) in answers { outcomes[index].answer.tokens += generation.tokens }
            progress(min(1, Double(start + batch) / Double(prompts.count)))
        }
        return outcomes
    }

    /// Leads the model along an example's text; the sequence is afterwards what it was.
    private func divergence(
        _ paths: ForcedPaths, _ index: Int, _ sequence: ReferenceSequence, _ first: [Float], _ model: ReferenceModel
    ) throws(TaperError) -> PathDivergence {
        let comparison = try PathComparison(paths, example: index, ops: ops)
        let promptCount = sequence.position
        var result = PathDivergence()
        func add(_ logits: UnsafeBufferPointer<Float>, _ position: Int) {
            comparison.prepare(position)
            result.add(comparison.compare(logits, at: position))
        }
        first.withUnsafeBufferPointer { add($0, 0) }
        if !comparison.tokens.isEmpty {
            var rows = Rows<ReferenceSequence>()
            rows.append(comparison.tokens[...], to: sequence, wanting: .all)
            let failures = try model.run(rows, bits: .highest) { found in
                for row in found { add(UnsafeBufferPointer(row.logits), row.token + 1) }
            }
            if let failure = failures.first { throw failure.error }
        }
        sequence.truncate(to: promptCount)
        return result
    }
}
