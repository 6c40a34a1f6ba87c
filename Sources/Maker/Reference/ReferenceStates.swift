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
    public let sequences: [[Int]]
    /// [tokens * hiddenSize] of every sequence.
    private let hidden: [[Float]]
    /// [vocabularySize * hiddenSize], and [vocabularySize] or nothing.
    private let head: [Float]
    private let bias: [Float]
    private let arithmetic: TransformerArithmetic

    /// Runs the model over all sequences whose states are not known, one block's weights at a time.
    public init(
        _ model: ReferenceModel, sequences: [[Int]], known: FinalStates = FinalStates(),
        progress: (Double) -> Void = { _ in }
    ) throws(TaperError) {
        vocabularySize = model.config.vocabularySize
        self.sequences = sequences
        arithmetic = model.arithmetic
        hidden = try model.forward(sequences, known: known, progress: progress)
        head = try model.weight(model.config.headName)
        bias = model.config.headBias ? try model.weight(TensorName.headBias) : []
    }

    /// Logits after the positions `rows` of a sequence, [rows.count * vocabularySize]; valid during the call.
    public func withLogits<R>(
        of sequence: Int, rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) throws(TaperError) -> R
    ) throws(TaperError) -> R {
        var logits: [Float] = []
        self.logits(of: sequence, rows: rows, into: &logits)
        return try logits.withFloats { buffer throws(TaperError) in try body(buffer) }
    }

    /// The same into memory that is used again when it has the size already.
    public func logits(of sequence: Int, rows: Range<Int>? = nil, into logits: inout [Float]) {
        let tokens = sequences[sequence].count
        let rows = rows ?? 0..<tokens
        precondition(rows.lowerBound >= 0 && rows.upperBound <= tokens, "positions outside the sequence")
        let size = rows.count * vocabularySize
        if logits.count != size { logits = [Float](repeating: 0, count: size) }
        guard !rows.isEmpty else { return }
        logits.withUnsafeMutableBufferPointer { out in
            hidden[sequence].withUnsafeBufferPointer { states in
                guard let out = out.baseAddress, let first = states.baseAddress else { return }
                arithmetic.head(
                    first + rows.lowerBound * arithmetic.config.hiddenSize, head, bias: bias, tokens: rows.count,
                    into: out)
            }
        }
    }
}
