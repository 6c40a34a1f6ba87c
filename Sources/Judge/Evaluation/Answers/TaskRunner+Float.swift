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
            var answers: [FloatContinuation] = []
            for index in start..<min(start + batch, prompts.count) {
                try Interrupt.check("Nothing was written")
                transformer.truncate(to: 0)
                let logits = Array(try transformer.forward(prompts[index], bits: prefillBits))
                let sequence = ReferenceSequence(
                    model.config,
                    layers: (0..<model.config.layerCount).map {
                        transformer.cachedLayer($0).floats(positions: prompts[index].count)
                    })
                var outcome = Outcome()
                outcome.divergence = try divergence(paths, index, sequence, logits, model)
                outcomes.append(outcome)
                answers.append(
                    FloatContinuation(index: index, sequence: sequence, first: FloatWriter.best(logits)))
                progress(
                    Double(start) / Double(prompts.count) + 0.6 * Double(index + 1 - start) / Double(prompts.count))
            }
            try FloatWriter(model: model, limit: maxNewTokens, stop: stopTokens).write(answers) { _, _ in }
            for answer in answers { outcomes[answer.index].answer.tokens = answer.tokens }
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
        var rows = first
        if !comparison.tokens.isEmpty {
            rows += try model.logits(ofStates: try model.read(comparison.tokens, into: sequence))
        }
        sequence.truncate(to: promptCount)
        let width = first.count
        var result = PathDivergence()
        rows.withUnsafeBufferPointer { rows in
            for position in 0...comparison.tokens.count {
                comparison.prepare(position)
                result.add(
                    comparison.compare(UnsafeBufferPointer(rebasing: rows[position * width..<(position + 1) * width])))
            }
        }
        return result
    }
}
