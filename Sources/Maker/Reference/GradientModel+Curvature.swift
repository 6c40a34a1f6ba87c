internal import CGradient
import Kernels
import Model
import Storage

extension GradientModel {
    /// A random direction in the space of logits whose square is, in expectation, the Fisher information of the
    /// distributions: for every position delta = sqrt(p) r - p (sqrt(p) . r) with r of independent signs, so that
    /// E[delta delta^T] = diag(p) - p p^T. It is what gradients of log-likelihoods of labels drawn from the model give
    /// (Martens, arXiv 1412.1193, section 9), without the tails of drawing one label.
    ///
    /// A step with it yields G = sum over positions of J^T delta; for a small change d of any weights,
    /// E[(G . d)^2] / 2 is the sum over positions of KL(model || changed model). The loss it returns means nothing.
    /// - Parameter seed: draws; the same on every machine and for any number of threads.
    public func curvatureProbe(seed: UInt64) -> Loss {
        let functions = arithmetic.functions
        let vocabulary = config.vocabularySize
        return { logits in
            guard let base = logits.baseAddress else { return 0 }
            nonisolated(unsafe) let rows = base
            self.arithmetic.ops.rows(logits.count / vocabulary) { index in
                let row = rows + index * vocabulary
                // The gradient of a cross-entropy is p, less one at its target.
                _ = functions.cross_entropy(row, 0, 1, Int32(vocabulary))
                row[0] += 1
                var random = SplitMix64(state: seed &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03)
                var signs: UInt64 = 0
                var dot = 0.0
                withUnsafeTemporaryAllocation(of: Float.self, capacity: vocabulary) { roots in
                    for column in 0..<vocabulary {
                        if column % 64 == 0 { signs = random.next() }
                        let root = max(row[column], 0).squareRoot()
                        roots[column] = signs & 1 == 0 ? root : -root
                        signs >>= 1
                        dot += Double(roots[column])
                    }
                    let shift = Float(dot)
                    for column in 0..<vocabulary { row[column] = roots[column] - row[column] * shift }
                }
            }
            return 0
        }
    }
}
