import Checkpoint
public import Kernels
import Reference
public import Storage

/// BERTScore (Zhang et al. 2020): F-measure of words matched by the cosine of their states in an encoder.
///
/// The algorithm of the `bert-score` package without baseline rescaling: each token of either text is matched with the most
/// similar one of the other; [CLS] and [SEP] may be matched, but weigh nothing; of several references the best F-measure
/// counts. Figures depend on encoder and layer, and compare with none of another encoder.
///
/// The package's batches give padded positions a cosine of zero, which counts where all others are negative; here there is
/// no padding. Texts beyond the encoder's positions are cut at the end, as the package does.
public final class BERTScore {
    /// Weights of tokens.
    public enum Weighting: Sendable, Equatable {
        /// All count the same.
        case uniform
        /// Inverse document frequency over the references: log((n + 1) / (occurrences + 1)), equation 4's smoothed form.
        case inverseFrequency
    }

    /// What the figures are, for reports.
    public let title: String
    private let encoder: TextEncoder
    private let tokenizer: WordPieceTokenizer
    private let weighting: Weighting
    private var frequencies: [Int: Int] = [:]
    private var documentCount = 0
    /// Normalized states, [tokens * hiddenSize], of texts seen before.
    private var known: [[UInt8]: Embedding] = [:]

    private struct Embedding {
        let tokens: [Int]
        let states: [Float]
    }

    /// - Parameters:
    ///   - folder: a BERT-type encoder in Hugging Face layout with `vocab.txt`.
    ///   - layerCount: whose states count; nil for the last layer.
    ///   - references: every reference of the task, for the frequencies.
    public init(
        folder: String, layerCount: Int? = nil, weighting: Weighting = .uniform, references: [[String]] = [],
        pool: ThreadPool
    ) throws(TaperError) {
        let checkpoint = try EncoderCheckpoint(path: folder)
        encoder = try TextEncoder(checkpoint, layerCount: layerCount, pool: pool)
        tokenizer = try WordPieceTokenizer(folder: folder)
        guard tokenizer.vocabularySize <= checkpoint.config.vocabularySize else {
            throw TaperError(
                .badData, "the vocabulary is larger than the encoder's", at: folder + "/vocab.txt",
                expected: "at most \(checkpoint.config.vocabularySize) lines", found: "\(tokenizer.vocabularySize)")
        }
        self.weighting = weighting
        title =
            "BERTScore F1 with \(Files.name(of: folder)), layer \(encoder.layerCount) of \(checkpoint.config.layerCount)"
            + (weighting == .inverseFrequency ? ", idf" : "")
            + ", not rescaled; not comparable with figures of other encoders"
        for text in references.joined() {
            documentCount += 1
            for token in Set(encode(text)) { frequencies[token, default: 0] += 1 }
        }
    }

    /// F-measure against the best of the references; 0 where a text is empty.
    public func score(answer: String, references: [String]) -> Double {
        let answer = embedding(answer)
        return references.map { fMeasure(answer, embedding($0)) }.max() ?? 0
    }

    private func encode(_ text: String) -> [Int] { tokenizer.encode(text, limit: encoder.config.positionCount) }

    private func embedding(_ text: String) -> Embedding {
        let key = Array(text.utf8)
        if let found = known[key] { return found }
        let tokens = encode(text)
        var states = encoder.states(tokens)
        let size = encoder.config.hiddenSize
        for token in tokens.indices {
            let row = token * size..<(token + 1) * size
            let norm = states[row].reduce(0) { $0 + $1 * $1 }.squareRoot()
            for index in row { states[index] /= norm }
        }
        let made = Embedding(tokens: tokens, states: states)
        known[key] = made
        return made
    }

    private func weight(_ token: Int) -> Double {
        switch weighting {
        case .uniform: token == tokenizer.classID || token == tokenizer.separatorID ? 0 : 1
        case .inverseFrequency: logarithm(Double(documentCount + 1) / Double((frequencies[token] ?? 0) + 1))
        }
    }

    private func fMeasure(_ answer: Embedding, _ reference: Embedding) -> Double {
        guard answer.tokens.count > 2, reference.tokens.count > 2 else { return 0 }
        let size = encoder.config.hiddenSize
        var answerBest = [Float](repeating: -.infinity, count: answer.tokens.count)
        var referenceBest = [Float](repeating: -.infinity, count: reference.tokens.count)
        answer.states.withUnsafeBufferPointer { a in
            reference.states.withUnsafeBufferPointer { b in
                for row in answerBest.indices {
                    for column in referenceBest.indices {
                        var cosine: Float = 0
                        for index in 0..<size { cosine += a[row * size + index] * b[column * size + index] }
                        answerBest[row] = max(answerBest[row], cosine)
                        referenceBest[column] = max(referenceBest[column], cosine)
                    }
                }
            }
        }
        func mean(_ best: [Float], _ tokens: [Int]) -> Double {
            let weights = tokens.map { weight($0) }
            return zip(best, weights).reduce(0) { $0 + Double($1.0) * $1.1 } / weights.reduce(0, +)
        }
        let precision = mean(answerBest, answer.tokens)
        let recall = mean(referenceBest, reference.tokens)
        let value = 2 * precision * recall / (precision + recall)
        // Weights that are all zero leave nothing to say.
        return value.isNaN ? 0 : value
    }
}
