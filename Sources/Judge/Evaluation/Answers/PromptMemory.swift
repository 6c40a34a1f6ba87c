import Decoding
import Kernels
import Model
import Runtime
import Storage

/// A prompt that an engine has read.
struct ReadPrompt {
    /// Keys and values of the prompt; nobody adds to it who does not cut it back.
    let sequence: TokenSequence
    /// Logits after the last token, [vocabularySize].
    let logits: [Float]
}

/// Sequences, used again and again, and prompts that are kept.
final class PromptMemory {
    let engine: Engine
    private let byteLimit: Int
    private var free: [TokenSequence] = []
    private struct Key: Hashable {
        let example: Int
        let bits: Precision
    }
    private var kept: [Key: ReadPrompt] = [:]
    private var keptByteCount = 0

    /// - Parameter byteLimit: of the prompts that are kept.
    init(_ engine: Engine, byteLimit: Int) {
        self.engine = engine
        self.byteLimit = byteLimit
    }

    /// An empty sequence.
    func makeSequence() throws(TaperError) -> TokenSequence {
        guard let known = free.popLast() else { return try engine.makeSequence() }
        known.truncate(to: 0)
        return known
    }

    func makeTwin(of sequence: TokenSequence) throws(TaperError) -> TokenSequence {
        let twin = try makeSequence()
        twin.copy(from: sequence)
        return twin
    }

    /// A sequence that nobody needs any more may be used again.
    func release(_ sequence: TokenSequence) { free.append(sequence) }

    func read(_ prompt: [Int], example: Int, bits: Precision) throws(TaperError) -> ReadPrompt {
        let key = Key(example: example, bits: bits)
        if let known = kept[key] {
            return ReadPrompt(sequence: try makeTwin(of: known.sequence), logits: known.logits)
        }
        let sequence = try makeSequence()
        let logits = Array(try engine.read(prompt, into: sequence, bits: bits))
        let byteCount = engine.cacheBytes(at: prompt.count + KVLayer.positionBlock) + 4 * logits.count
        if keptByteCount + byteCount <= byteLimit {
            let twin = try engine.makeSequence()
            twin.copy(from: sequence)
            kept[key] = ReadPrompt(sequence: twin, logits: logits)
            keptByteCount += byteCount
        }
        return ReadPrompt(sequence: sequence, logits: logits)
    }
}
