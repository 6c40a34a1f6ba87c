import Bundle
import Calibration
import Kernels
import Model
import Runtime
import Storage
import Testing

@Suite struct SwitchTrainerTests {
    /// Prompts whose class is written into one position's key (so that it is found) and value (so that it can be read).
    static func toy(_ count: Int) -> [SwitchExample] {
        (0..<count).map { index in
            let label = index * 7 % 4
            let states = SwitchFixtures.states(20 + index % 30, seed: UInt64(index) + 1)
            let size = states.headSize
            var keys = states.keys.map { $0 * 0.3 }
            var values = states.values.map { $0 * 0.3 }
            let position = index * 5 % states.positionCount
            for element in 0..<size {
                keys[(position / 16 * size + element) * 16 + position % 16] = element == 0 ? 8 : 0
                values[position * size + element] = element == label + 2 ? 6 : 0
            }
            return SwitchExample(
                states: LayerStates(headSize: size, positionCount: states.positionCount, keys: keys, values: values),
                label: label)
        }
    }

    private func train(
        _ examples: [SwitchExample], threads: Int, _ edit: (inout SwitchTraining) -> Void = { _ in }
    ) throws -> TrainedSwitch {
        var settings = SwitchTraining()
        settings.accumulation = 8
        edit(&settings)
        let shape = ClassifierShape(kvHeads: 2, headSize: 10, queries: 2, hidden: 16)
        let pool = ThreadPool(threadCount: threads, instructionSet: .best)
        return try SwitchTrainer(shape, settings: settings, pool: pool).train(examples)
    }

    @Test func learnsWhatCanBeReadFromTheStates() throws {
        let examples = Self.toy(80)
        let trained = try train(examples, threads: 2)
        let right = zip(trained.heldOutClasses, examples).count { $0 == $1.label }
        #expect(right >= 72, "\(right) of 80 held-out prompts")
        #expect((trained.heldOutLoss.min() ?? 1) < 0.5 * (trained.heldOutLoss.first ?? 0))
        #expect(trained.prior == [0.25, 0.25, 0.25, 0.25])
        // The classifier that is kept knows prompts that it never saw.
        let shape = ClassifierShape(kvHeads: 2, headSize: 10, queries: 2, hidden: 16)
        let scheduler = LearnedScheduler(
            prefillBits: 4, maxNewTokens: 30, window: 512, shape: shape,
            pairs: [.init(high: 4, low: 2, confidence: 0.5, weights: trained.weights, evidence: .null)])
        let operations = VectorOps(ThreadPool(threadCount: 1, instructionSet: .best))
        let unseen = Self.toy(120).suffix(40)
        let found = unseen.count { scheduler.classes($0.states, operations: operations) == [$0.label] }
        #expect(found >= 36, "\(found) of 40 unseen prompts")
    }

    @Test func givesTheSameWeightsForAnyNumberOfThreads() throws {
        let examples = Self.toy(24)
        let one = try train(examples, threads: 1) { $0.epochs = 4 }
        let three = try train(examples, threads: 3) { $0.epochs = 4 }
        #expect(one.weights == three.weights)
        #expect(one.heldOutLoss == three.heldOutLoss)
        let other = try train(examples, threads: 1) {
            $0.epochs = 4
            $0.seed = 2
        }
        #expect(one.heldOutLoss != other.heldOutLoss)
    }

    @Test func noiseIsNotLearned() throws {
        // Labels that have nothing to do with the states, most of them 3: the best that can be done is the prior.
        let examples = (0..<60).map { index in
            SwitchExample(states: SwitchFixtures.states(20, seed: UInt64(index)), label: index % 5 == 0 ? 0 : 3)
        }
        let trained = try train(examples, threads: 2)
        #expect((trained.heldOutLoss.min() ?? 1) > 0.45)
        #expect(trained.heldOutClasses.count { $0 == 3 } > 45)
    }

    @Test func balancedClassesOutweighAPrior() throws {
        let examples = (0..<60).map { index in
            SwitchExample(states: SwitchFixtures.states(20, seed: UInt64(index)), label: index % 5 == 0 ? 0 : 3)
        }
        let trained = try train(examples, threads: 2) { $0.isBalanced = true }
        let plain = try train(examples, threads: 2)
        #expect(trained.heldOutClasses.count { $0 == 0 } > plain.heldOutClasses.count { $0 == 0 })
    }

    @Test func refusesTooFewPrompts() {
        #expect(throws: TaperError.self) { try train(Self.toy(9), threads: 1) }
    }
}
