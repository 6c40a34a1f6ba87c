import Kernels
import Model
import Runtime
import Storage

/// A prompt that a transformer has read.
struct ReadPrompt {
    /// Keys and values of the prompt; nobody adds to it who does not cut it back.
    let sequence: DecodingSequence
    /// Most likely first token, and its probability.
    let token: Int
    let probability: Double
    /// Logits after the last token, [vocabularySize].
    var logits: [Float]
}

/// Caches of sequences, used again and again, and prompts that are kept.
final class PromptMemory {
    let transformer: Transformer
    private let byteLimit: Int
    private var free: [DecodingSequence] = []
    private var lent: [DecodingSequence] = []
    private struct Key: Hashable {
        let example: Int
        let bits: Precision
    }
    private var kept: [Key: ReadPrompt] = [:]
    private var keptByteCount = 0

    init(_ transformer: Transformer, byteLimit: Int) {
        self.transformer = transformer
        self.byteLimit = byteLimit
    }

    /// An empty sequence until `release`.
    func makeSequence() throws(TaperError) -> DecodingSequence {
        let known = free.popLast()
        let sequence = if let known { known } else { try transformer.makeSequence() }
        sequence.truncate(to: 0)
        lent.append(sequence)
        return sequence
    }

    /// A sequence lent may be used again.
    func release(_ sequence: DecodingSequence) {
        guard let place = lent.firstIndex(where: { $0 === sequence }) else { return }
        free.append(lent.remove(at: place))
    }

    /// All sequences lent may be used again.
    func release() {
        free += lent
        lent = []
    }

    /// Afterwards the transformer holds the prompt and nothing else.
    func read(_ prompt: [Int], example: Int, bits: Precision, ops: VectorOps) throws(TaperError) -> ReadPrompt {
        let key = Key(example: example, bits: bits)
        if let known = kept[key] {
            transformer.take(known.sequence)
            let sequence = try makeSequence()
            sequence.copy(from: known.sequence)
            return ReadPrompt(
                sequence: sequence, token: known.token, probability: known.probability, logits: known.logits)
        }
        transformer.truncate(to: 0)
        let logits = Array(try transformer.forward(prompt, bits: bits))
        let (token, probability) = RowChoice.best(logits, ops)
        let sequence = try makeSequence()
        transformer.copy(to: sequence)
        let byteCount = transformer.cacheBytes(at: prompt.count + KVLayer.positionBlock) + 4 * logits.count
        if keptByteCount + byteCount <= byteLimit {
            let twin = try transformer.makeSequence()
            twin.copy(from: sequence)
            kept[key] = ReadPrompt(sequence: twin, token: token, probability: probability, logits: logits)
            keptByteCount += byteCount
        }
        return ReadPrompt(sequence: sequence, token: token, probability: probability, logits: logits)
    }
}

/// The greedy choice among logits.
enum RowChoice {
    /// Most likely token and its probability.
    static func best(_ logits: [Float], _ ops: VectorOps) -> (token: Int, probability: Double) {
        let count = logits.count
        let token = logits.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { ops.argmax($0, count: count) } ?? 0
        }
        var copy = logits
        return (token, 1 / Double(ops.softmaxNumerators(&copy, count: count)))
    }
}
