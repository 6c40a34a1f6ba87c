import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// A scheduler for a tiny model that always chooses the classes given: its last layer is nothing but a bias.
enum StubbornScheduler {
    static func make(
        _ config: ModelConfig, _ pairs: [(high: Precision, low: Precision, chooses: Int)], prefill: Precision = 6,
        limit: Int = 30
    ) -> LearnedScheduler {
        let shape = ClassifierShape(kvHeads: config.kvHeadCount, headSize: config.headSize, queries: 1, hidden: 2)
        return LearnedScheduler(
            prefillBits: prefill, maxNewTokens: limit, window: 32, shape: shape,
            pairs: pairs.map { pair in
                var weights = [Float](repeating: 0, count: shape.weightCount)
                weights[shape.outputBias + pair.chooses] = 9
                return .init(high: pair.high, low: pair.low, confidence: 0.5, weights: weights, evidence: .null)
            })
    }
}

@Suite struct LearnedSchedulerDecisionTests {
    private func text(_ classes: [Int], _ limit: Int) -> String {
        StubbornScheduler.make(TinyModels.llama, [(6, 4, 0), (4, 3, 0), (3, 2, 0)])
            .schedule(classes: classes, maxNewTokens: limit).text
    }

    @Test func classesAreThirdsOfTheLimit() {
        let steps = (0..<4).map { LearnedScheduler.highSteps(ofClass: $0, maxNewTokens: 64) }
        #expect(steps == [0, 21, 42, nil])
        #expect(LearnedScheduler.highSteps(ofClass: 1, maxNewTokens: 2) == 0)
    }

    @Test func theChoiceIsTheLeastThatIsLikelyEnough() {
        func choice(_ confidence: Float) -> Int {
            LearnedScheduler.choice([0.25, 0.25, 0.375, 0.125], confidence: confidence)
        }
        #expect([0, 0.2, 0.3, 0.5, 0.8, 0.9].map { choice($0) } == [0, 0, 1, 2, 2, 3])
        #expect(LearnedScheduler.choice([1, 0, 0, 0], confidence: 0) == 0)
        // Full confidence is never reached, whatever the classifier says.
        let config = TinyModels.llama
        var sure = StubbornScheduler.make(config, [(6, 4, 0)])
        let operations = VectorOps(.make(1))
        let states = LayerStates(
            headSize: config.headSize, positionCount: 1, keys: [Float](repeating: 1, count: 16 * config.headSize),
            values: [Float](repeating: 1, count: config.headSize))
        #expect(sure.classes(states, operations: operations) == [0])
        sure.pairs[0].confidence = 1
        #expect(sure.classes(states, operations: operations) == [3])
    }

    @Test func noSwitchComesBeforeTheOneAboveIt() {
        #expect(text([1, 2, 3], 30) == "6@0,4@10,3@20")
        #expect(text([0, 0, 0], 30) == "2@0")
        #expect(text([0, 1, 2], 30) == "4@0,3@10,2@20")
        // 4 bits would last no step: from 6 straight to 3.
        #expect(text([2, 1, 3], 30) == "6@0,3@20")
        #expect(text([1, 1, 1], 30) == "6@0,2@10")
        // All steps high: nothing below has a turn.
        #expect(text([3, 0, 0], 30) == "6@0")
        #expect(text([1, 3, 0], 30) == "6@0,4@10")
        #expect(text([2, 2, 2], 0) == "2@0")
    }

    @Test(arguments: TinyModels.all) func statesAreMeansOverHeadsOfTheLastLayer(config: ModelConfig) throws {
        let tiny = try TinyBundle(config)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: .make(2))
        _ = try single.read((0..<53).map { $0 * 7 % 131 }, bits: 4)
        let layer = single.sequence.cachedLayer(config.layerCount - 1)
        guard case .half(let keys, let values) = layer.numbers else { return #expect(Bool(false)) }
        for (positions, window, first) in [
            (53, 64, 0), (53, 32, 32), (40, 32, 16), (17, 16, 16), (16, 16, 0), (1, 16, 0),
        ] {
            let states = single.sequence.lastLayerStates(positions: positions, window: window, pool: single.engine.pool)
            #expect(states.positionCount == positions - first)
            var worst: Float = 0
            for position in first..<positions {
                for element in 0..<config.headSize {
                    var (key, value): (Float, Float) = (0, 0)
                    for head in 0..<config.kvHeadCount {
                        let from = head * layer.capacity * config.headSize
                        let block = (position / 16 * config.headSize + element) * 16 + position % 16
                        key += Float(Float16(bitPattern: keys[from + block]))
                        value += Float(Float16(bitPattern: values[from + position * config.headSize + element]))
                    }
                    let at = position - first
                    let mine = states.keys[(at / 16 * config.headSize + element) * 16 + at % 16]
                    worst = max(worst, abs(mine - key / Float(config.kvHeadCount)))
                    worst = max(
                        worst,
                        abs(states.values[at * config.headSize + element] - value / Float(config.kvHeadCount)))
                }
            }
            #expect(worst < 1e-6)
            // Nothing of later positions, though the cache has them.
            for at in states.positionCount..<roundedUp(states.positionCount, to: 16) {
                for element in 0..<config.headSize {
                    #expect(states.keys[(at / 16 * config.headSize + element) * 16 + at % 16] == 0)
                }
            }
        }
    }

    @Test func generationFollowsWhatIsDecidedAfterThePrefill() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let learned = StubbornScheduler.make(TinyModels.qwen2, [(6, 4, 1), (4, 3, 2)])
        func run(_ limit: Int, _ scheduler: DecodeScheduler) throws -> GenerationResult {
            let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: .make(1))
            var sampler = Sampler(.greedy)
            return try generate(
                single.engine, single.sequence, prompt: [1, 5, 130, 17], maxNewTokens: limit, scheduler: scheduler,
                sampler: &sampler,
                stopTokens: []
            ) { _, _ in true }
        }
        let decided = try run(12, DecodeScheduler(learned))
        #expect(decided.bitsPerStep == [6, 6, 6, 6, 4, 4, 4, 4, 3, 3, 3])
        let known = try PrecisionSchedule(parsing: "6@0,4@4,3@8", prefillBits: 6, place: "test")
        let same = try run(12, .fixed(known))
        #expect(decided.tokens == same.tokens)
        #expect(decided.prefillBits == 6 && decided.schedulingSeconds > 0)
        // Without a limit, thirds of the limit it was trained with.
        let free = try run(-1, DecodeScheduler(learned))
        #expect(free.switchPoints.map(\.fromStep) == [0, 10, 20] && free.tokens.count == 61)
        // Another prefill precision than its own.
        #expect(try run(3, .learned(learned, prefillBits: 3)).prefillBits == 3)
        #expect(DecodeScheduler(learned).decodeBits == [6, 4, 3])
    }

    @Test func theDecisionDependsOnThePromptAlone() throws {
        // Random weights: the class differs between prompts, and is the same for any number of threads and block of tokens.
        let config = TinyModels.llama
        let tiny = try TinyBundle(config)
        let shape = ClassifierShape(kvHeads: config.kvHeadCount, headSize: config.headSize, queries: 2, hidden: 8)
        var random = RandomGenerator(seed: 5)
        let weights = (0..<shape.weightCount).map { _ in Float(random.uniform() * 4 - 2) }
        let learned = LearnedScheduler(
            prefillBits: 4, maxNewTokens: 30, window: 48, shape: shape,
            pairs: [.init(high: 4, low: 2, confidence: 0.5, weights: weights, evidence: .null)])
        var found: Set<String> = []
        for seed in 0..<24 {
            let prompt = (0..<50).map { ($0 * (seed + 3) + seed * 29) % 131 }
            var texts: Set<String> = []
            for (threads, set) in [(1, InstructionSet.scalar), (3, .best)] {
                let pool = ThreadPool(threadCount: threads, instructionSet: set)
                let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: pool)
                _ = try single.read(prompt, bits: 4)
                texts.insert(learned.schedule(after: single.sequence, positions: 50, maxNewTokens: 30, pool: pool).text)
                _ = try single.read([3, 9], bits: 2)
                texts.insert(learned.schedule(after: single.sequence, positions: 50, maxNewTokens: 30, pool: pool).text)
            }
            #expect(texts.count == 1)
            found.formUnion(texts)
        }
        #expect(found.count > 1)
    }
}
