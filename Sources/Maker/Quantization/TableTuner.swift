internal import CQuantization
public import Kernels
import Model
public import Reference
public import Storage

/// How long and how fast the tables of one precision are tuned.
public struct TuningPlan: Equatable, Sendable {
    public var bits: Int
    public var steps: Int
    /// Adam's learning rate at its peak, in root mean square weights of the layer.
    public var rate: Double

    public init(bits: Int, steps: Int, rate: Double) {
        self.bits = bits
        self.steps = steps
        self.rate = rate
    }
}

/// Tunes the centroids of all linear layers end to end, so that the quantized model's next-token distribution comes close
/// to the float model's: gradient descent on KL(float || quantized) with Adam, codes untouched, one precision at a time.
///
/// Memory: a byte for the code of every weight, and tables; with `resident` blocks their weights at one precision besides.
public final class TableTuner {
    private let model: GradientModel
    private let targets: ReferenceStates
    private let quantized: QuantizedWeights
    private var layers: [TunedLayer] { quantized.layers }
    private var reference: [Float] = []

    /// - Parameters:
    ///   - source: of the float model; its linear layers are not read.
    ///   - residency: of the blocks' weights within a step; it changes no table.
    ///   - layers: how many there are.
    ///   - layer: one of them; each is asked for once.
    /// - Throws: what the source and `layer` throw.
    public init(
        _ source: WeightSource, targets: ReferenceStates, residency: ReferenceModel.Residency = .resident,
        threads: Int, precision: FloatPrecision = .single, layers: Int,
        layer: (Int) throws(TaperError) -> PackedMatrix
    ) throws(TaperError) {
        self.targets = targets
        var all: [TunedLayer] = []
        for index in 0..<layers { all.append(TunedLayer(try layer(index))) }
        let quantized = QuantizedWeights(all)
        self.quantized = quantized
        model = try GradientModel(
            source.replacing(replacesTables: false) { name throws(TaperError) in quantized.weights(name) },
            residency: residency,
            threads: threads, precision: precision)
        quantized.pool = model.pool
    }

    /// Puts other values in the place of the embedding or the head, such as those that the bundle holds.
    public func replace(_ name: String, rows: @escaping RowReader) { model.replace(name, rows: rows) }

    /// One precision. Sequences are taken in turn in an order of the plan's own.
    ///
    /// - Parameters:
    ///   - start: steps already done, from `restore`.
    ///   - each: called after every step with the number done and the divergence before it, in nats.
    /// - Returns: mean divergence over the last tenth of the steps.
    @discardableResult
    public func tune(
        _ plan: TuningPlan, from start: Int = 0, each: (Int, Double) throws(TaperError) -> Void
    ) throws(TaperError) -> Double {
        if start == 0 { for layer in layers { layer.begin(bits: plan.bits) } }
        quantized.bits = plan.bits
        var recent: [Double] = []
        let warmUp = max(1, plan.steps / 20)
        for step in start..<max(start, plan.steps) {
            model.forgetBlocks()
            let index = Self.order(step, of: targets.sequences.count, seed: plan.bits)
            let tokens = targets.sequences[index]
            try targets.logits(of: index, into: &reference)
            // Linear warm-up, then half a cosine down to nothing.
            let progress = Double(step) / Double(plan.steps)
            let factor = min(1, Double(step + 1) / Double(warmUp)) * 0.5 * (1 + cosine(Double.pi * progress))
            let done = Double(step + 1)
            let adam = cq_adam_t(
                rate: Float(plan.rate * factor), beta1: 0.9, beta2: 0.95,
                correction1: Float(1 / (1 - power(0.9, done))), correction2: Float(1 / (1 - power(0.95, done))),
                epsilon: 1e-12)
            let result: Result<Double, TaperError> = reference.withUnsafeBufferPointer { reference in
                do throws(TaperError) {
                    return .success(
                        try model.step(
                            tokens, loss: model.distillationLoss(reference), wanted: { quantized[$0] != nil }
                        ) { gradient in
                            guard let layer = quantized[gradient.name], !gradient.values.isEmpty else { return }
                            layer.update(
                                bits: plan.bits, gradient: gradient.values, settings: adam, pool: model.pool)
                        })
                } catch { return .failure(error) }
            }
            let divergence = try result.get()
            guard divergence.isFinite else {
                throw TaperError(
                    .badData, "tuning of \(plan.bits) bits diverged at step \(step)", at: "",
                    remedy: "Choose fewer steps or the effort fast")
            }
            recent.append(divergence)
            try each(step + 1, divergence)
        }
        let tail = recent.suffix(max(1, plan.steps / 10))
        return tail.reduce(0, +) / Double(max(1, tail.count))
    }

    /// The tuned layers, one after the other in the order given.
    /// - Throws: `badData` when a table has become something else than numbers.
    public func finish(_ each: (PackedMatrix) throws(TaperError) -> Void) throws(TaperError) {
        for layer in layers { try each(try layer.packed()) }
    }

    /// Everything a later run needs to go on within a precision, and back.
    public var state: [[Float]] { layers.flatMap(\.state) }
    /// - Parameter bits: the precision that was being tuned.
    /// - Returns: false, and nothing changes, for a state of other layers or another precision.
    public func restore(_ state: [[Float]], bits: Int) -> Bool {
        let sizes = layers.flatMap { [$0.tables.count, $0.rows << bits, $0.rows << bits] }
        guard state.map(\.count) == sizes else { return false }
        for (index, layer) in layers.enumerated() { layer.state = Array(state[index * 3..<index * 3 + 3]) }
        return true
    }

    /// Every sequence once before any again, shuffled anew each time, whatever step a run starts at.
    static func order(_ step: Int, of count: Int, seed: Int) -> Int {
        var indices = Array(0..<count)
        var random = SplitMix64(state: UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ step / count))
        for last in stride(from: count - 1, to: 0, by: -1) {
            indices.swapAt(last, Int(random.next() % UInt64(last + 1)))
        }
        return indices[step % count]
    }

    private func power(_ base: Double, _ exponent: Double) -> Double { exponential(exponent * logarithm(base)) }
}

/// Layers as the model reads them while they are tuned.
private final class QuantizedWeights {
    let layers: [TunedLayer]
    var bits = 0
    var pool: ThreadPool?
    private let places: [String: Int]

    init(_ layers: [TunedLayer]) {
        self.layers = layers
        places = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1.name, $0) })
    }

    subscript(name: String) -> TunedLayer? { places[name].map { layers[$0] } }

    /// nil for what is no layer of these.
    func weights(_ name: String) -> [Float]? {
        guard let layer = self[name] else { return nil }
        return [Float](unsafeUninitializedCapacity: layer.rows * layer.columns) { out, count in
            count = layer.rows * layer.columns
            // Before the first step nobody reads weights for what they are.
            guard bits > 0, let pool else { return out.initialize(repeating: 0) }
            layer.expand(bits: bits, into: out, pool: pool)
        }
    }
}
