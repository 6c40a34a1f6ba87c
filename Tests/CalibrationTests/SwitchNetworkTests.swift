import Bundle
import Calibration
import Kernels
import Runtime
import Storage
import Testing

enum SwitchFixtures {
    static let shape = ClassifierShape(kvHeads: 2, headSize: 10, queries: 3, hidden: 7)

    static func floats(_ count: Int, _ generator: inout RandomGenerator, scale: Double = 1) -> [Float] {
        (0..<count).map { _ in Float((2 * generator.uniform() - 1) * scale) }
    }

    /// States of `count` positions; zero where keys have no position.
    static func states(_ count: Int, seed: UInt64, size: Int = shape.headSize) -> LayerStates {
        var generator = RandomGenerator(seed: seed)
        var keys = floats(roundedUp(count, to: 16) * size, &generator, scale: 3)
        for index in keys.indices where index / (16 * size) * 16 + index % 16 >= count { keys[index] = 0 }
        return LayerStates(
            headSize: size, positionCount: count, keys: keys, values: floats(count * size, &generator, scale: 2))
    }

    static func network(threads: Int = 1) -> SwitchNetwork {
        SwitchNetwork(
            shape, operations: VectorOps(ThreadPool(threadCount: threads, instructionSet: .best)))
    }

    /// Random weights everywhere, so that no gradient is zero for want of a factor.
    static func weights(seed: UInt64 = 3) -> [Float] {
        var generator = RandomGenerator(seed: seed)
        var weights = floats(shape.weightCount, &generator, scale: 0.5)
        for index in shape.normWeight..<shape.normBias { weights[index] += 1 }
        return weights
    }
}

@Suite struct SwitchNetworkTests {
    @Test(arguments: [1, 16, 37]) func theGradientIsAFiniteDifference(positions: Int) {
        let network = SwitchFixtures.network()
        let example = TrainingStates(SwitchFixtures.states(positions, seed: UInt64(positions)))
        var generator = RandomGenerator(seed: 8)
        let dropout = SwitchNetwork.Dropout(network.shape, rate: 0.3, generator: &generator)
        var weights = SwitchFixtures.weights()
        var gradient = [Float](repeating: 0, count: weights.count)
        _ = network.step(weights, example, target: 2, weight: 1.5, dropout: dropout, gradient: &gradient)
        func loss() -> Double {
            let shares = SwitchNetwork.softmax(network.scores(weights, example, dropout: dropout))
            return -1.5 * logarithm(Double(shares[2]))
        }
        var worst = 0.0
        var largest = 0.0
        for index in weights.indices {
            let kept = weights[index]
            let reach: Float = 4e-3
            weights[index] = kept + reach
            let above = loss()
            weights[index] = kept - reach
            let below = loss()
            weights[index] = kept
            let expected = (above - below) / Double(2 * reach)
            worst = max(worst, abs(expected - Double(gradient[index])))
            largest = max(largest, abs(expected))
        }
        // Single precision leaves about 1e-4 of a loss near 2 in a difference over 8e-3.
        #expect(worst < 2e-3 * max(1, largest), "\(worst) of \(largest)")
        #expect(largest > 0.1)
    }

    @Test func theRunnersScoresAreTheTrainings() {
        let network = SwitchFixtures.network()
        let weights = SwitchFixtures.weights()
        for positions in [1, 15, 16, 17, 100] {
            let states = SwitchFixtures.states(positions, seed: UInt64(positions) + 50)
            let trained = network.scores(weights, TrainingStates(states), dropout: .none(network.shape))
            let run = LearnedScheduler.scores(weights, network.shape, states, operations: network.operations)
            for (left, right) in zip(trained, run) { #expect(abs(left - right) < 1e-5) }
            #expect(run.count == 4)
        }
    }

    @Test func scoresAreWhatThePaperDescribes() {
        // Softmax attention, mean over queries, layer norm and two layers, written out in double precision.
        let shape = SwitchFixtures.shape
        let w = SwitchFixtures.weights().map(Double.init)
        let states = SwitchFixtures.states(21, seed: 4)
        func key(_ position: Int, _ element: Int) -> Double {
            Double(states.keys[(position / 16 * 10 + element) * 16 + position % 16])
        }
        var found = [Double](repeating: 0, count: 20)
        for query in 0..<3 {
            for head in 0..<2 {
                let at = (query * 2 + head) * 10
                let scores = (0..<21).map { position in
                    (0..<10).reduce(0.0) { $0 + w[at + $1] * key(position, $1) } / 10.0.squareRoot()
                }
                let numerators = scores.map { exponential($0) }
                let sum = numerators.reduce(0, +)
                for element in 0..<10 {
                    for position in 0..<21 {
                        found[head * 10 + element] +=
                            numerators[position] / sum * Double(states.values[position * 10 + element]) / 3
                    }
                }
            }
        }
        let mean = found.reduce(0, +) / 20
        let variance = found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20
        let input = (0..<20).map {
            (found[$0] - mean) / (variance + 1e-5).squareRoot() * w[shape.normWeight + $0] + w[shape.normBias + $0]
        }
        let hidden = (0..<7).map { unit in
            max(
                0,
                (0..<20).reduce(w[shape.hiddenBias + unit]) { $0 + w[shape.hiddenWeight + unit * 20 + $1] * input[$1] })
        }
        let expected = (0..<4).map { index in
            (0..<7).reduce(w[shape.outputBias + index]) { $0 + w[shape.outputWeight + index * 7 + $1] * hidden[$1] }
        }
        let scores = LearnedScheduler.scores(
            SwitchFixtures.weights(), shape, states, operations: SwitchFixtures.network().operations)
        for (left, right) in zip(scores, expected) { #expect(abs(Double(left) - right) < 1e-4) }
    }
}
