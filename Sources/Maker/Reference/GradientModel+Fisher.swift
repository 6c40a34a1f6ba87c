internal import CGradient
import Kernels
import Model
public import Storage

extension GradientModel {
    /// Diagonal Fisher information: the sum over sequences of squared gradients of the mean cross-entropy, by tensor
    /// name in the tensor's shape. The sensitivity of SqueezeLLM (Kim et al. 2024, section 4.1) and Any-Precision LLM.
    ///
    /// - Parameter tensors: names of the tensors; nil for the linear layers of the blocks.
    public func fisher(
        _ sequences: [[Int]], tensors: Set<String>? = nil, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [String: [Float]] {
        let names = tensors ?? Set(linearLayers.map(\.name))
        var sums: [String: [Float]] = [:]
        for required in config.tensorRequirements() where names.contains(required.name) {
            sums[required.name] = [Float](repeating: 0, count: required.shape.reduce(1, *))
        }
        for (index, tokens) in sequences.enumerated() {
            _ = try step(tokens, loss: crossEntropyLoss(tokens), wanted: { names.contains($0) }) { gradient in
                guard !gradient.values.isEmpty else { return }
                sums[gradient.name]?.withUnsafeMutableBufferPointer { addSquares(gradient.values, into: $0) }
            }
            progress(Double(index + 1) / Double(sequences.count))
        }
        return sums
    }

    private func addSquares(_ x: UnsafeMutableBufferPointer<Float>, into sum: UnsafeMutableBufferPointer<Float>) {
        guard let from = x.baseAddress, let to = sum.baseAddress else { return }
        let functions = arithmetic.functions
        let piece = 1 << 14
        pool.run((x.count + piece - 1) / piece) { part in
            let start = part * piece
            functions.add_squares(from + start, Int32(min(piece, x.count - start)), to + start)
        }
    }
}
