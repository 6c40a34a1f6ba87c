import Checkpoint
import Model
import Reference
import Runtime
import Storage
import Text

extension Converter {
    /// Version of the stage's output; raise it when the same input gives other text.
    static let ownTextVersion = 1
    /// Any number would do; this one is fixed so that the same recipe gives the same text.
    static let ownTextSeed = 1

    /// Lets the model write the recipe's number of sequences; the stages after calibrate on them too.
    ///
    /// A sequence starts with the token that separates documents, then one drawn from the calibration text's, so that the
    /// sequences begin as differently as the text's words; all after is the model's.
    func writeOwnText() throws(TaperError) {
        guard recipe.ownSequences > 0, let text = calibration else { return }
        progress.begin("write own text")
        let (count, length) = (
            recipe.ownSequences, min(recipe.calibrationLength, checkpoint.config.contextLength)
        )
        var key = ContentKey(stage: "own text", version: Self.ownTextVersion)
        key.add(checkpoint.fingerprint)
        key.add(contentsOf: text.bytes)
        key.add([count, length, Self.ownTextSeed])
        let reusedBefore = reused
        let bytes = try stored("own-text", key) { () throws(TaperError) -> [UInt8] in
            try checkMemory(
                for: "writing own text", bytesPerWeight: 4,
                remedy: "Leave it out with --generated 0, or use a machine with more memory")
            let starts = try ownTextStarts(text, count: count)
            let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
            let start = monotonicSeconds()
            let sampled = try model.sample(starts, length: length, seed: UInt64(Self.ownTextSeed)) {
                progress.update($0)
            }
            let values = sampled.flatMap(\.logProbabilities)
            let mean = values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
            let seconds = max(monotonicSeconds() - start, 1e-9)
            progress.note(
                "own text: \(fixed(Double(values.count) / seconds, 0)) tokens/s, perplexity \(fixed(exponential(-mean), 2))"
            )
            return OwnText(key: key, sequences: sampled.map(\.tokens)).bytes
        }
        calibration?.own = try OwnText(key: key, bytes: bytes)
        progress.end("\(count) x \(length) tokens" + (reused > reusedBefore ? ", reused" : ""))
    }

    private func ownTextStarts(_ text: CalibrationText, count: Int) throws(TaperError) -> [[Int]] {
        let tokenizer = try checkpoint.tokenizer()
        let separator = OwnText.separator(tokenizer)
        let tokens = text.tokens(tokenizer)
        guard separator != nil || !tokens.isEmpty else {
            throw TaperError(
                .badData, "the tokenizer has no token that separates documents", at: checkpoint.path,
                remedy: "Give a calibration text, whose tokens can begin the model's own")
        }
        var random = RandomGenerator(seed: UInt64(Self.ownTextSeed))
        return (0..<count).map { _ in
            let first = tokens.isEmpty ? nil : tokens[Int(random.next() % UInt64(tokens.count))]
            return [separator, first].compactMap { $0 }
        }
    }
}
