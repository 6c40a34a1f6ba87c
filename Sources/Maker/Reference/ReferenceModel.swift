public import Checkpoint
import Kernels
public import Model
public import Storage

/// The full-precision model m: a float forward pass with BLAS products, the oracle for everything quantized.
public final class ReferenceModel {
    public enum Residency: Sendable {
        /// Every weight stays in memory as floats.
        case resident
        /// One block's weights at a time, read again for every call: memory is bounded by a block and the hidden states.
        case streamed

        /// `resident` for a model whose linear layers fit the budget, where reading them anew would take a good part of a step.
        /// - Parameter bytesPerWeight: as products read them.
        public static func keeping(
            _ config: ModelConfig, _ memory: MemoryBudget, bytesPerWeight: Int = FloatPrecision.fastest.bytesPerWeight
        ) -> Residency {
            let count = config.linearParts().reduce(0) { $0 + $1.rows * $1.columns } * config.layerCount
            return bytesPerWeight * count <= memory.weightBytes ? .resident : .streamed
        }
    }

    public let config: ModelConfig
    let weights: FloatWeights
    let arithmetic: TransformerArithmetic
    private let kept = FloatBuffer(purpose: "activations")
    private let shared = FloatBuffer(purpose: "activations")

    public convenience init(
        _ checkpoint: Checkpoint, residency: Residency, threads: Int, precision: FloatPrecision = .single
    ) throws(TaperError) {
        try self.init(WeightSource(checkpoint), residency: residency, threads: threads, precision: precision)
    }

    /// - Throws: `noInput` without the library that multiplies in this precision.
    public init(
        _ source: WeightSource, residency: Residency, threads: Int, precision: FloatPrecision = .single
    ) throws(TaperError) {
        config = source.config
        arithmetic = try TransformerArithmetic(config, threads: threads, precision: precision)
        weights = FloatWeights(source, residency: residency, precision: precision, pool: arithmetic.pool)
    }

    /// One block on x, [tokens * hiddenSize], in place.
    func block(
        _ weights: BlockWeights, _ x: inout [Float], tokens: Int, places: TokenPlaces = .run(from: 0, cache: nil),
        observe: TransformerArithmetic.Observer? = nil
    ) throws(TaperError) {
        let kept = try kept.reserve(pieces: BlockActivations.keptSizes(config, tokens: tokens))
        let shared = try shared.reserve(
            pieces: BlockActivations.sharedSizes(config, tokens: tokens, visible: places.visible(tokens: tokens)))
        x.withUnsafeMutableBufferPointer { x in
            guard let x = x.baseAddress else { return }
            arithmetic.forward(
                weights, BlockActivations(config, input: x, output: x, kept: kept, shared: shared), tokens: tokens,
                places: places, observe: observe)
        }
    }

    /// Logits after every position, [tokens.count * vocabularySize].
    public func logits(_ tokens: [Int]) throws(TaperError) -> [Float] {
        var result: [Float] = []
        try logits(sequences: [tokens]) { _, rows in result = Array(rows) }
        return result
    }

    /// Logits of several sequences; each block's weights are read once for all of them. `each` gets the sequence's index
    /// and [length * vocabularySize] values, valid during the call.
    public func logits(
        sequences: [[Int]], progress: (Double) -> Void = { _ in },
        each: (Int, UnsafeBufferPointer<Float>) throws(TaperError) -> Void
    ) throws(TaperError) {
        let hidden = try forward(sequences, progress: progress)
        let head = try weights.headMatrix()
        let bias = try weights.headBias()
        var rows: [Float] = []
        for (index, states) in hidden.enumerated() {
            let count = sequences[index].count
            rows = [Float](unsafeUninitializedCapacity: count * config.vocabularySize) { buffer, initialized in
                if let out = buffer.baseAddress {
                    arithmetic.head(states, head, bias: bias, tokens: count, into: out)
                }
                initialized = count * config.vocabularySize
            }
            try check(rows, "logits", columns: config.vocabularySize) { "sequence \(index), position \($0)" }
            try rows.withFloats { buffer throws(TaperError) in try each(index, buffer) }
        }
    }

    /// Mean square of every input channel of every linear layer over all positions of the sequences: the diagonal of
    /// the layer's input Hessian X^T X / n.
    public func inputMoments(
        _ sequences: [[Int]], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [String: [Float]] {
        var sums: [String: [Double]] = [:]
        var count = 0
        _ = try forward(sequences, progress: progress) { name, x, rows, columns in
            var sum = sums[name] ?? [Double](repeating: 0, count: columns)
            for row in 0..<rows {
                for column in 0..<columns {
                    sum[column] += Double(x[row * columns + column] * x[row * columns + column])
                }
            }
            sums[name] = sum
        }
        for sequence in sequences { count += sequence.count }
        return sums.mapValues { $0.map { Float($0 / Double(max(count, 1))) } }
    }
}

extension Array where Element == Float {
    func withFloats<R>(_ body: (UnsafeBufferPointer<Float>) throws(TaperError) -> R) throws(TaperError) -> R {
        let result: Result<R, TaperError> = withUnsafeBufferPointer { buffer in
            do throws(TaperError) { return .success(try body(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
