internal import CGradient
import Kernels
import Model

extension GradientModel {
    /// Mean of -log p(next token) over all positions but the last.
    public func crossEntropyLoss(_ tokens: [Int]) -> Loss {
        let functions = arithmetic.functions
        let vocabulary = config.vocabularySize
        return { logits in
            let factor = 1 / Float(max(1, tokens.count - 1))
            let sum = self.sumOfRows(logits) { row, token in
                guard token + 1 < tokens.count else {
                    row.update(repeating: 0, count: vocabulary)
                    return 0
                }
                return functions.cross_entropy(row, Int32(tokens[token + 1]), factor, Int32(vocabulary))
            }
            return sum / Double(max(1, tokens.count - 1))
        }
    }

    /// Mean over all positions of KL(softmax(reference) || softmax(logits)); `reference` has as many logits as the step
    /// makes, and must live until the step is done.
    public func distillationLoss(_ reference: UnsafeBufferPointer<Float>) -> Loss {
        let functions = arithmetic.functions
        let vocabulary = config.vocabularySize
        return { logits in
            guard let base = reference.baseAddress, reference.count == logits.count else {
                preconditionFailure("\(reference.count) reference logits for \(logits.count)")
            }
            let count = logits.count / vocabulary
            let factor = 1 / Float(count)
            let sum = self.sumOfRows(logits) { row, token in
                functions.divergence(row, base + token * vocabulary, factor, Int32(vocabulary))
            }
            return sum / Double(count)
        }
    }

    /// Sum over rows of logits, in their order, of what `body` returns for a row and its index.
    private func sumOfRows(
        _ logits: UnsafeMutableBufferPointer<Float>, _ body: (UnsafeMutablePointer<Float>, Int) -> Double
    ) -> Double {
        guard let base = logits.baseAddress else { return 0 }
        let vocabulary = config.vocabularySize
        let count = logits.count / vocabulary
        let losses = [Double](unsafeUninitializedCapacity: count) { losses, initialized in
            let rows = losses
            arithmetic.ops.rows(count) { row in
                (rows.baseAddress.map { $0 + row })?.initialize(to: body(base + row * vocabulary, row))
            }
            initialized = count
        }
        return losses.reduce(0, +)
    }
}
