import Kernels
import Model
public import Storage

/// The model's normalized final hidden states of several sequences, from which any logits are one product away.
///
/// A vocabulary is tens to hundreds of times wider than a hidden state, so states are what to keep when the same logits are
/// needed again: 16 windows of 512 tokens of a model with 576 dimensions and 49,152 tokens are 19 MB of states and 1.6 GB
/// of logits. The head stays in memory as floats; the blocks' weights are not needed any more.
public final class ReferenceStates {
    public let vocabularySize: Int
    /// Tokens of every sequence.
    public let lengths: [Int]
    private let hiddenSize: Int
    /// [tokens * hiddenSize] of every sequence.
    private let hidden: [[Float]]
    /// [vocabularySize * hiddenSize], and [vocabularySize] or nothing.
    private let head: [Float]
    private let bias: [Float]
    private let ops: VectorOps

    /// Runs the model over all sequences, one block's weights at a time.
    public init(
        _ model: ReferenceModel, sequences: [[Int]], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) {
        vocabularySize = model.config.vocabularySize
        hiddenSize = model.config.hiddenSize
        lengths = sequences.map(\.count)
        ops = model.ops
        hidden = try model.forward(sequences, progress: progress)
        head = try model.weight(model.config.tiedEmbeddings ? TensorName.embedding : TensorName.head)
        bias = model.config.outputBias ? try model.weight(TensorName.headBias) : []
    }

    /// Logits after the positions `rows` of a sequence, [rows.count * vocabularySize]; valid during the call.
    public func withLogits<R>(
        of sequence: Int, rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) throws(TaperError) -> R
    ) throws(TaperError) -> R {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= lengths[sequence], "positions outside the sequence")
        let logits = [Float](unsafeUninitializedCapacity: rows.count * vocabularySize) { buffer, count in
            hidden[sequence].withUnsafeBufferPointer { states in
                if let out = buffer.baseAddress, let first = states.baseAddress, !rows.isEmpty {
                    BLAS.multiply(
                        first + rows.lowerBound * hiddenSize, head, m: rows.count, n: vocabularySize, k: hiddenSize,
                        into: out)
                    if !bias.isEmpty { ops.addBias(bias, tokens: rows.count, columns: vocabularySize, to: out) }
                }
            }
            count = rows.count * vocabularySize
        }
        return try logits.withFloats { buffer throws(TaperError) in try body(buffer) }
    }
}
