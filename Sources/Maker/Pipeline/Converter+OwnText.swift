import Model
import Reference
import Storage

extension Converter {
    /// Lets the model write the recipe's number of sequences; the stages after calibrate on them too.
    func writeOwnText(_ keys: StageKeys) throws(TaperError) {
        guard let plan = inputs.ownText, let key = keys.ownText else { return }
        progress.begin("write own text")
        let reusedBefore = reused
        let own = try stored("own-text", key) { () throws(TaperError) -> [UInt8] in
            let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
            let start = monotonicSeconds()
            let sampled = try model.sample(plan.starts, length: plan.length, seed: UInt64(plan.seed)) {
                progress.update($0)
            }
            let values = sampled.flatMap(\.logProbabilities)
            let mean = values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
            let seconds = max(monotonicSeconds() - start, 1e-9)
            progress.note(
                "own text: \(fixed(Double(values.count) / seconds, 0)) tokens/s, perplexity to the model itself \(fixed(exponential(-mean), 2))"
            )
            return OwnText(sequences: sampled.map(\.tokens)).bytes
        } read: { bytes throws(TaperError) in
            try OwnText(bytes: bytes)
        }
        ownSequences = own.sequences
        progress.end("\(plan.starts.count) x \(plan.length) tokens" + (reused > reusedBefore ? ", reused" : ""))
    }
}
