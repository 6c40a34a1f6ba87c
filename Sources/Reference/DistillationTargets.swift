public import Storage
import Kernels
import Model

/// The float model's answers on calibration text, kept as final hidden states: logits would take 85 times the memory for a
/// vocabulary of 49152 and 576 hidden dimensions, and cost one product to make again.
public final class DistillationTargets {
    public let sequences: [[Int]]
    public var count: Int { sequences.count }
    private let arithmetic: TransformerArithmetic
    private let states: [[Float]]
    private let head: [Float]
    private let bias: [Float]

    /// Runs the model over all sequences.
    public init(
        _ model: ReferenceModel, sequences: [[Int]], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) {
        self.sequences = sequences
        arithmetic = model.arithmetic
        states = try model.forward(sequences, progress: progress)
        head = try model.weight(model.config.tiedEmbeddings ? TensorName.embedding : TensorName.head)
        bias = model.config.outputBias ? try model.weight(TensorName.headBias) : []
    }

    /// Logits after every position of a sequence, [tokens * vocabularySize].
    public func logits(_ index: Int, into logits: inout [Float]) {
        let tokens = sequences[index].count
        let size = tokens * arithmetic.config.vocabularySize
        if logits.count != size { logits = [Float](repeating: 0, count: size) }
        logits.withUnsafeMutableBufferPointer { out in
            guard let out = out.baseAddress else { return }
            arithmetic.head(states[index], head, bias: bias, tokens: tokens, into: out)
        }
    }
}
