public import Kernels
import Storage

/// Running sums over positions: likelihood of the next token, and distance from another model's distribution.
///
/// Perplexity is exp of the mean negative log-likelihood; KL divergence is sum p log(p / q) with p the reference's
/// distribution, in nats; top-1 agreement is the share of positions where both models prefer the same token.
public struct LogitComparison: Sendable {
    public private(set) var negativeLogLikelihood = 0.0
    public private(set) var predictedCount = 0
    public private(set) var divergences: [Double] = []
    public private(set) var agreementCount = 0

    public init() {}

    /// Statistics of one row of logits that several comparisons share.
    public struct Row {
        /// exp(logit - max), [vocabularySize].
        let numerators: [Float]
        let sum: Double
        let maximum: Float
        let best: Int
        public var logSumExp: Double { Double(maximum) + logarithm(sum) }

        public init(_ logits: UnsafeBufferPointer<Float>, ops: VectorOps) {
            precondition(!logits.isEmpty, "no logits")
            var copy = Array(logits)
            let count = copy.count
            best = copy.withUnsafeBufferPointer { $0.baseAddress.map { ops.argmax($0, count: count) } ?? 0 }
            maximum = logits[best]
            sum = Double(ops.softmaxNumerators(&copy, count: count))
            numerators = copy
        }
    }

    /// Adds the row's likelihood of the token that follows.
    public mutating func add(row: Row, logits: UnsafeBufferPointer<Float>, next: Int) {
        negativeLogLikelihood += row.logSumExp - Double(logits[next])
        predictedCount += 1
    }

    /// Adds the divergence of `logits` from the reference's.
    public mutating func add(
        row: Row, logits: UnsafeBufferPointer<Float>, reference: Row, referenceLogits: UnsafeBufferPointer<Float>
    ) {
        // KL = sum p (log p - log q) = (sum e (l - l')) / S - lse + lse'.
        var sums = SIMD16<Float>(repeating: 0)
        var total = 0.0
        let count = logits.count
        var index = 0
        reference.numerators.withUnsafeBufferPointer { numerators in
            while index + 16 <= count {
                let end = min(index + 2048, count / 16 * 16)
                sums = SIMD16(repeating: 0)
                while index < end {
                    let e = UnsafeRawPointer(numerators.baseAddress! + index).loadUnaligned(as: SIMD16<Float>.self)
                    let a = UnsafeRawPointer(referenceLogits.baseAddress! + index).loadUnaligned(as: SIMD16<Float>.self)
                    let b = UnsafeRawPointer(logits.baseAddress! + index).loadUnaligned(as: SIMD16<Float>.self)
                    sums += e * (a - b)
                    index += 16
                }
                for lane in 0..<16 { total += Double(sums[lane]) }
            }
            while index < count {
                total += Double(numerators[index] * (referenceLogits[index] - logits[index]))
                index += 1
            }
        }
        divergences.append(max(0, total / reference.sum - reference.logSumExp + row.logSumExp))
        if row.best == reference.best { agreementCount += 1 }
    }

    public var perplexity: Double { exponential(negativeLogLikelihood / Double(max(predictedCount, 1))) }
    public var meanDivergence: Double? {
        divergences.isEmpty ? nil : divergences.reduce(0, +) / Double(divergences.count)
    }
    /// The divergence that 99% of the positions do not exceed.
    public var divergence99: Double? {
        divergences.isEmpty ? nil : divergences.sorted()[min(divergences.count - 1, divergences.count * 99 / 100)]
    }
    public var topAgreement: Double? {
        divergences.isEmpty ? nil : Double(agreementCount) / Double(divergences.count)
    }
}
