public import Bundle
public import Kernels
public import Runtime
public import Storage

/// One prompt for training a switch classifier.
public struct SwitchExample: Sendable {
    public var states: LayerStates
    /// 0 to 3: the class to be learned.
    public var label: Int

    public init(states: LayerStates, label: Int) {
        self.states = states
        self.label = label
    }
}

/// How a switch classifier is trained; the defaults are the paper's, but for the sizes that it does not tell.
public struct SwitchTraining: Sendable {
    public var epochs = 30
    public var rate = 0.0045
    /// Decoupled (Loshchilov and Hutter 2019), on queries and matrices.
    public var weightDecay = 0.08
    public var dropout = 0.1
    /// Examples whose gradients make one step.
    public var accumulation = 32
    /// Weigh classes by the inverse of their frequency.
    public var isBalanced = false
    /// Parts of the examples, each held out once.
    public var folds = 5
    public var seed: UInt64 = 1

    public init() {}
}

/// What cross-validation and training made.
public struct TrainedSwitch: Sendable {
    public var weights: [Float]
    /// Epochs of training: the number with the least held-out loss.
    public var epochs: Int
    /// Mean held-out cross-entropy after every epoch; the first before training.
    public var heldOutLoss: [Double]
    /// [examples][classes]: likelihoods by the classifier that has not seen the example, after `epochs`.
    public var heldOutShares: [[Float]]
    /// The part in which every example was held out.
    public var folds: [Int]
    /// Share of examples of every class.
    public var prior: [Double]

    /// The likeliest class of every example.
    public var heldOutClasses: [Int] {
        heldOutShares.map { shares in shares.indices.reduce(0) { shares[$1] > shares[$0] ? $1 : $0 } }
    }
}

/// Adam (Kingma and Ba 2015) on the cross-entropy of the classes.
///
/// The examples are divided into parts, and a classifier is trained for each part on all the others; the number of epochs is
/// the one with the least loss on held-out examples, and what is chosen for them then is the evidence. The classifier
/// that is kept is trained on all examples for as many epochs. Results depend on examples, settings and seed alone.
public struct SwitchTrainer {
    let network: SwitchNetwork
    let settings: SwitchTraining
    let pool: ThreadPool

    public init(_ shape: ClassifierShape, settings: SwitchTraining, pool: ThreadPool) {
        network = SwitchNetwork(shape, operations: VectorOps(pool))
        self.settings = settings
        self.pool = pool
    }

    /// - Throws: `badData` for fewer examples than parts.
    public func train(
        _ examples: [SwitchExample], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> TrainedSwitch {
        let folds = max(2, settings.folds)
        guard examples.count >= 2 * folds else {
            throw TaperError(
                .badData, "too few prompts to train the learned scheduler", at: "", expected: "at least \(2 * folds)",
                found: "\(examples.count)")
        }
        let data = examples.map { TrainingStates($0.states) }
        let labels = examples.map(\.label)
        let order = shuffled(examples.count, seed: settings.seed)
        var losses = [Double](repeating: 0, count: settings.epochs + 1)
        // [epoch][example][class]
        var shares = [[[Float]]](
            repeating: [[Float]](repeating: [], count: examples.count), count: settings.epochs + 1)
        var folding = labels
        let rounds = Double((folds + 1) * (settings.epochs + 1))
        var done = 0.0
        func step() throws(TaperError) {
            try Interrupt.check("Nothing was written")
            done += 1
            progress(min(1, done / rounds))
        }
        for fold in 0..<folds {
            let held = order.enumerated().filter { $0.offset % folds == fold }.map(\.element)
            for index in held { folding[index] = fold }
            let kept = order.enumerated().filter { $0.offset % folds != fold }.map(\.element)
            try run(kept, data, labels, epochs: settings.epochs, fold: UInt64(fold)) {
                epoch, weights throws(TaperError) in
                for (index, scores) in zip(held, self.scores(weights, held.map { data[$0] })) {
                    let found = SwitchNetwork.softmax(scores)
                    losses[epoch] -= logarithm(max(Double(found[labels[index]]), 1e-30)) / Double(examples.count)
                    shares[epoch][index] = found
                }
                try step()
            }
        }
        let best = losses.indices.reduce(0) { losses[$1] < losses[$0] ? $1 : $0 }
        let weights = try run(order, data, labels, epochs: best, fold: UInt64(folds)) { _, _ throws(TaperError) in
            try step()
        }
        progress(1)
        return TrainedSwitch(
            weights: weights, epochs: best, heldOutLoss: losses, heldOutShares: shares[best],
            folds: folding, prior: SwitchTrainer.prior(labels))
    }

    static func prior(_ labels: [Int]) -> [Double] {
        (0..<ClassifierShape.classCount).map { index in
            Double(labels.count { $0 == index }) / Double(max(labels.count, 1))
        }
    }

    private func shuffled(_ count: Int, seed: UInt64) -> [Int] {
        var generator = RandomGenerator(seed: seed)
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(index, Int(generator.next() % UInt64(index + 1)))
        }
        return order
    }

    private func scores(_ weights: [Float], _ data: [TrainingStates]) -> [[Float]] {
        let none = SwitchNetwork.Dropout.none(network.shape)
        return data.map { network.scores(weights, $0, dropout: none) }
    }

    /// Trains on some of the examples; `each` gets the weights after every epoch, the initial ones as epoch 0.
    @discardableResult
    private func run(
        _ chosen: [Int], _ data: [TrainingStates], _ labels: [Int], epochs: Int, fold: UInt64,
        each: (Int, [Float]) throws(TaperError) -> Void
    ) throws(TaperError) -> [Float] {
        let count = network.shape.weightCount
        let prior = SwitchTrainer.prior(chosen.map { labels[$0] })
        let seed = settings.seed &* 1_000_003 &+ fold
        var weights = network.initialWeights(prior: settings.isBalanced ? [] : prior, seed: seed)
        var adam = Adam(count: count)
        let decays = decayed()
        let held = prior.count { $0 > 0 }
        let batch = max(1, min(settings.accumulation, chosen.count))
        var gradients = [Float](repeating: 0, count: batch * count)
        try each(0, weights)
        for epoch in 0..<epochs {
            let order = shuffled(chosen.count, seed: seed &+ UInt64(epoch + 1) &* 7919).map { chosen[$0] }
            for start in stride(from: 0, to: order.count, by: batch) {
                let part = Array(order[start..<min(start + batch, order.count)])
                gradients.withUnsafeMutableBufferPointer { buffer in
                    weights.withUnsafeBufferPointer { weights in
                        guard let base = buffer.baseAddress, let w = weights.baseAddress else { return }
                        // Every example has a gradient of its own, so the sum's order is theirs for any number of threads.
                        base.update(repeating: 0, count: part.count * count)
                        pool.run(part.count) { item in
                            let index = part[item]
                            var generator = RandomGenerator(
                                seed: seed &+ UInt64(epoch) &* 1_000_033 &+ UInt64(index) &* 2_147_483_647)
                            let weight =
                                settings.isBalanced ? Float(1 / (prior[labels[index]] * Double(max(held, 1)))) : 1
                            _ = network.step(
                                w, data[index], target: labels[index], weight: weight,
                                dropout: .init(network.shape, rate: settings.dropout, generator: &generator),
                                gradient: base + item * count)
                        }
                        for item in 1..<max(1, part.count) {
                            for index in 0..<count { base[index] += base[item * count + index] }
                        }
                        for index in 0..<count { base[index] /= Float(part.count) }
                    }
                }
                adam.update(
                    &weights, gradients, rate: Float(settings.rate), decay: Float(settings.weightDecay), decays)
            }
            try each(epoch + 1, weights)
        }
        return weights
    }

    /// 1 for queries and matrices, 0 for norms and biases.
    private func decayed() -> [Float] {
        let shape = network.shape
        var factors = [Float](repeating: 1, count: shape.weightCount)
        for index in shape.normWeight..<shape.hiddenWeight { factors[index] = 0 }
        for index in shape.hiddenBias..<shape.outputWeight { factors[index] = 0 }
        for index in shape.outputBias..<shape.weightCount { factors[index] = 0 }
        return factors
    }
}

/// First and second moments of the gradients.
private struct Adam {
    private var first: [Float]
    private var second: [Float]
    private var step = 0

    init(count: Int) {
        first = [Float](repeating: 0, count: count)
        second = first
    }

    mutating func update(
        _ weights: inout [Float], _ gradient: [Float], rate: Float, decay: Float, _ decays: [Float]
    ) {
        step += 1
        let (beta1, beta2): (Float, Float) = (0.9, 0.999)
        let unbias1 = Float(1 - power(Double(beta1), Double(step)))
        let unbias2 = Float(1 - power(Double(beta2), Double(step)))
        for index in weights.indices {
            first[index] = beta1 * first[index] + (1 - beta1) * gradient[index]
            second[index] = beta2 * second[index] + (1 - beta2) * gradient[index] * gradient[index]
            let direction = first[index] / unbias1 / ((second[index] / unbias2).squareRoot() + 1e-8)
            weights[index] -= rate * (direction + decay * decays[index] * weights[index])
        }
    }
}
