import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage

/// An engine with one sequence, which known tokens are read into.
final class SingleSequence {
    let engine: Engine
    let sequence: TokenSequence

    init(_ engine: Engine, _ sequence: TokenSequence) {
        self.engine = engine
        self.sequence = sequence
    }

    init(bundle: Bundle, contextLength: Int, pool: ThreadPool, cacheBits: Int = 16) throws(TaperError) {
        engine = try Engine(
            try TransformerWeights(bundle), contextLength: contextLength, pool: pool, cacheBits: cacheBits)
        sequence = try engine.makeSequence()
    }

    var position: Int { sequence.position }
    func truncate(to count: Int) { sequence.truncate(to: count) }

    /// Logits after the last token.
    @discardableResult
    func read(_ tokens: [Int], bits: Precision) throws(TaperError) -> UnsafeBufferPointer<Float> {
        try engine.read(tokens, into: sequence, bits: bits)
    }

    func readAll(
        _ tokens: [Int], bits: Precision, each: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws(TaperError) {
        try engine.read(tokens, into: sequence, wanting: .all, bits: bits, each: each)
    }
}
