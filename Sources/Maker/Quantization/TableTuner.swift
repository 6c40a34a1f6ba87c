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
public final class TableTuner {
    private let model: GradientModel
    private let targets: ReferenceStates
    private let layers: [TunedLayer]
    private let places: [String: Int]
    private var reference: [Float] = []

    /// - Parameter model: the float model; its linear layers are overwritten. Its embedding and head may be rounded as the bundle
    ///   holds them.
    public init(model: GradientModel, targets: ReferenceStates, layers: [PackedMatrix]) {
        self.model = model
        self.targets = targets
        self.layers = layers.map { TunedLayer($0) }
        places = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1.name, $0) })
    }

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
        let names = Set(places.keys)
        if start == 0 { for layer in layers { layer.begin(bits: plan.bits) } }
        var recent: [Double] = []
        let warmUp = max(1, plan.steps / 20)
        for step in start..<max(start, plan.steps) {
            for layer in layers {
                model.withWeights(layer.name) { layer.expand(bits: plan.bits, into: $0, pool: model.pool) }
            }
            let index = Self.order(step, of: targets.sequences.count, seed: plan.bits)
            let tokens = targets.sequences[index]
            targets.logits(of: index, into: &reference)
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
                            tokens, loss: model.distillationLoss(reference), wanted: { names.contains($0) }
                        ) { gradient in
                            guard let place = places[gradient.name], !gradient.values.isEmpty else { return }
                            layers[place].update(
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

    /// The tuned layers, in the order given.
    /// - Throws: `badData` when a table has become something else than numbers.
    public func finish() throws(TaperError) -> [PackedMatrix] {
        try layers.map { layer throws(TaperError) in try layer.packed() }
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
