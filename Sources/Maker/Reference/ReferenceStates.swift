import Kernels
import Model
public import Storage

/// The model's normalized final hidden states of several sequences, from which any logits are one product away.
///
/// A vocabulary is tens to hundreds of times wider than a hidden state, so states are what to keep when the same logits are
/// needed again: 16 windows of 512 tokens of a model with 576 dimensions and 49,152 tokens are 19 MB of states and 1.6 GB
/// of logits. The blocks' weights are not needed any more.
public final class ReferenceStates {
    public let vocabularySize: Int
    public let sequences: [[Int]]
    /// [tokens * hiddenSize] of every sequence.
    private let hidden: [[Float]]
    private let weights: FloatWeights
    private let bias: [Float]
    private let arithmetic: TransformerArithmetic

    /// Runs the model over all sequences whose states are not known, one block's weights at a time.
    /// - Parameter keepsHead: whether the head stays in memory; else it is read for every call, by parts.
    public init(
        _ model: ReferenceModel, sequences: [[Int]], known: FinalStates = FinalStates(), keepsHead: Bool = true,
        progress: (Double) -> Void = { _ in }
    ) throws(TaperError) {
        vocabularySize = model.config.vocabularySize
        self.sequences = sequences
        arithmetic = model.arithmetic
        hidden = try model.forward(sequences, known: known, progress: progress)
        weights = model.weights
        if keepsHead { _ = try weights.headMatrix() }
        bias = try model.weights.headBias()
    }

    /// Logits after the positions `rows` of a sequence, [rows.count * vocabularySize]; valid during the call.
    public func withLogits<R>(
        of sequence: Int, rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) throws(TaperError) -> R
    ) throws(TaperError) -> R {
        var logits: [Float] = []
        try self.logits(of: sequence, rows: rows, into: &logits)
        return try logits.withFloats { buffer throws(TaperError) in try body(buffer) }
    }

    /// The same into memory that is used again when it has the size already.
    public func logits(
        of sequence: Int, rows: Range<Int>? = nil, into logits: inout [Float]
    ) throws(TaperError) {
        let tokens = sequences[sequence].count
        let rows = rows ?? 0..<tokens
        precondition(rows.lowerBound >= 0 && rows.upperBound <= tokens, "positions outside the sequence")
        let size = rows.count * vocabularySize
        if logits.count != size { logits = [Float](repeating: 0, count: size) }
        guard !rows.isEmpty else { return }
        func writing(_ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void) {
            logits.withUnsafeMutableBufferPointer { out in
                hidden[sequence].withUnsafeBufferPointer { states in
                    guard let out = out.baseAddress, let first = states.baseAddress else { return }
                    body(first + rows.lowerBound * arithmetic.config.hiddenSize, out)
                }
            }
        }
        try weights.eachHeadPart { part, matrix in
            writing { arithmetic.headPart($0, matrix, rows: part, tokens: rows.count, into: $1) }
        }
        writing { arithmetic.finishHead(bias: bias, tokens: rows.count, $1) }
    }
}
