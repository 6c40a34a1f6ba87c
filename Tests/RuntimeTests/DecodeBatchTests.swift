import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Keeps all logits it is shown.
private struct RecordingSampler: TokenSampler {
    var inner: Decoding.Sampler
    var logits: [[Float]] = []

    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        self.logits.append(Array(logits))
        return inner.sample(logits)
    }
}

/// The plan of the runner, with its logits kept.
private struct RecordingPlan: DecodePlan {
    typealias Executor = Engine
    var sampler: RecordingSampler
    var scheduled: ScheduledPlan

    init(_ scheduler: DecodeScheduler, _ settings: SamplerSettings, limit: Int) {
        sampler = RecordingSampler(inner: Decoding.Sampler(settings))
        scheduled = ScheduledPlan(scheduler, sampler: Decoding.Sampler(.greedy), maxNewTokens: limit)
    }

    var prefillBits: Precision { scheduled.prefillBits }
    func bits(atStep step: Int) -> Precision { scheduled.bits(atStep: step) }
    mutating func promptWasRead(by engine: Engine, _ sequence: TokenSequence) {
        scheduled.promptWasRead(by: engine, sequence)
    }
}

@Suite struct DecodeBatchTests {
    private struct Request {
        let prompt: [Int]
        let scheduler: DecodeScheduler
        let settings: SamplerSettings
        let limit: Int
        var stop: [Int]
    }

    /// What came of a request.
    private struct Result: Equatable {
        var tokens: [Int]
        var bits: [Precision]
        var reason: StopReason?
        var logits: [[Float]]

        init(_ generation: Generation<RecordingPlan>) {
            tokens = generation.tokens
            bits = generation.bitsPerStep
            reason = generation.stopReason
            logits = generation.plan.sampler.logits
        }
    }

    private func tiny(_ config: ModelConfig) throws -> (TinyBundle, rung: Precision) {
        let rung = TinyBundle.rung(config, low: 2, high: 4)
        return (
            try TinyBundle(
                config, precisions: [2, 3, 4, 6, 16], documents: [(SectionName.rungs, .array([rung.json]))]),
            rung.precision
        )
    }

    private func requests(_ config: ModelConfig, rung: Precision) throws -> [Request] {
        func fixed(_ text: String, _ prefill: Precision) throws -> DecodeScheduler {
            .fixed(try PrecisionSchedule(parsing: text, prefillBits: prefill, place: "test"))
        }
        let shape = ClassifierShape(kvHeads: config.kvHeadCount, headSize: config.headSize, queries: 2, hidden: 8)
        var random = RandomGenerator(seed: 5)
        let weights = (0..<shape.weightCount).map { _ in Float(random.uniform() * 4 - 2) }
        let learned = LearnedScheduler(
            prefillBits: 4, maxNewTokens: 12, window: 48, shape: shape,
            pairs: [.init(high: 4, low: 2, confidence: 0.5, weights: weights, evidence: .null)])
        var hot = SamplerSettings()
        hot.temperature = 1.4
        hot.seed = 9
        hot.repeatPenalty = 1.2
        func prompt(_ count: Int, _ seed: Int) -> [Int] {
            (0..<count).map { ($0 * (seed + 3) + seed * 29) % config.vocabularySize }
        }
        return [
            Request(
                prompt: prompt(5, 1), scheduler: try fixed("6@0,4@3,2@7", 6), settings: .greedy, limit: 12, stop: []),
            Request(
                prompt: prompt(25, 2), scheduler: DecodeScheduler(learned), settings: hot, limit: 12, stop: []),
            Request(
                prompt: prompt(1, 3), scheduler: try fixed("16@0,\(rung.text)@4", 16), settings: hot, limit: 9, stop: []
            ),
            Request(
                prompt: prompt(17, 4), scheduler: DecodeScheduler(learned), settings: .greedy, limit: 10, stop: []),
            Request(
                prompt: prompt(2, 5), scheduler: try fixed("\(rung.text)@0,2@5", rung), settings: hot, limit: 14,
                stop: []),
            // Ends with the context, which is 40 positions.
            Request(prompt: prompt(36, 6), scheduler: try fixed("4@0", 6), settings: .greedy, limit: 30, stop: []),
            Request(prompt: prompt(7, 7), scheduler: try fixed("3@0", 2), settings: hot, limit: 1, stop: []),
            Request(prompt: prompt(4, 8), scheduler: try fixed("3@0", 2), settings: .greedy, limit: 0, stop: []),
        ]
    }

    private func generation(_ request: Request, _ engine: Engine) throws -> Generation<RecordingPlan> {
        Generation(
            try engine.makeSequence(),
            plan: RecordingPlan(request.scheduler, request.settings, limit: request.limit), prompt: request.prompt,
            limit: request.limit, stopTokens: request.stop)
    }

    private func alone(_ request: Request, _ engine: Engine) throws -> Result {
        let batch = DecodeBatch<RecordingPlan>(engine)
        let generation = try generation(request, engine)
        try batch.admit(generation)
        while !batch.isEmpty { try batch.tick() }
        return Result(generation)
    }

    /// Tokens and logits are bit for bit those of every request alone, whatever runs beside it.
    @Test(arguments: TinyModels.all, [1, 3, 16, Int.max])
    func everySequenceGetsWhatItWouldHaveGotAlone(_ config: ModelConfig, _ prefillChunk: Int) throws {
        let (tiny, rung) = try tiny(config)
        let weights = try TransformerWeights(tiny.bundle)
        var requests = try requests(config, rung: rung)
        let solo = try Engine(weights, contextLength: 40, pool: .make(1))
        requests[4].stop = [try alone(requests[4], solo).tokens[6]]
        let expected = try requests.map { try alone($0, solo) }
        #expect(Set(expected.map(\.reason)) == [.length, .contextFull, .endOfSequence])
        #expect(expected[1].logits.count == 12 && expected[7].logits.isEmpty)

        /// Who comes in before which tick, and how many are at work at once.
        let orders: [(admitted: [Int], perTick: Int, places: Int)] = [
            (Array(requests.indices), 8, Int.max), (requests.indices.reversed(), 1, Int.max),
            ([3, 0, 6, 1, 7, 5, 2, 4], 3, 2),
        ]
        for (number, order) in orders.enumerated() {
            for threads in 1...3 where threads == 1 + number || prefillChunk == 3 {
                let engine = try Engine(weights, contextLength: 40, pool: .make(threads))
                let batch = DecodeBatch<RecordingPlan>(engine, places: order.places, prefillChunk: prefillChunk)
                let generations = try requests.map { try generation($0, engine) }
                var waiting = order.admitted[...]
                var heard = [[Int]](repeating: [], count: requests.count)
                while !batch.isEmpty || !waiting.isEmpty {
                    for index in waiting.prefix(order.perTick) { try batch.admit(generations[index]) }
                    waiting = waiting.dropFirst(order.perTick)
                    try batch.tick { generation in
                        if let index = generations.firstIndex(where: { $0 === generation }) {
                            heard[index].append(generation.tokens.last ?? -1)
                        }
                        return true
                    }
                    #expect(batch.live.count <= order.places)
                }
                for (index, generation) in generations.enumerated() {
                    #expect(
                        Result(generation) == expected[index],
                        "\(config.family), request \(index), order \(number), \(threads) threads")
                    #expect(heard[index] == generation.tokens)
                }
            }
        }
    }

    /// Prompts that were read before, and twins that part later.
    @Test func knownPromptsAndTwinsContinueAsIfTheyHadBeenRead() throws {
        let (tiny, rung) = try tiny(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 40, pool: .make(2))
        let request = try requests(TinyModels.llama, rung: rung)[0]
        let expected = try alone(request, engine)
        let batch = DecodeBatch<RecordingPlan>(engine)
        let known = try generation(request, engine)
        let logits = Array(try engine.read(request.prompt, into: known.sequence, bits: 6))
        try batch.admit(known, logits: logits)
        for _ in 0..<5 { try batch.tick() }
        let twin = Generation(forking: known, into: try engine.makeTwin(of: known.sequence), plan: known.plan, cost: 1)
        batch.admit(twin: twin)
        #expect(batch.live.count == 2)
        while !batch.isEmpty { try batch.tick() }
        #expect(Result(known) == expected && Result(twin) == expected)
    }

    @Test func whoIsCancelledEndsAlone() throws {
        let (tiny, rung) = try tiny(TinyModels.qwen2)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 40, pool: .make(2))
        let requests = try requests(TinyModels.qwen2, rung: rung)
        let expected = try requests.map { try alone($0, engine) }
        let generations = try requests.map { try generation($0, engine) }
        let batch = DecodeBatch<RecordingPlan>(engine, prefillChunk: 4)
        for generation in generations { try batch.admit(generation) }
        for _ in 0..<4 { try batch.tick() }
        batch.cancel(generations[0])
        // Still at its prompt.
        batch.cancel(generations[1])
        while !batch.isEmpty {
            try batch.tick { generation in generation !== generations[4] || generation.tokens.count < 3 }
        }
        for (index, generation) in generations.enumerated() {
            guard [0, 1, 4].contains(index) else {
                #expect(Result(generation) == expected[index])
                continue
            }
            #expect(generation.stopReason == .caller)
            #expect(generation.tokens.count == [0: 3, 1: 0, 4: 5][index])
            #expect(expected[index].tokens.starts(with: generation.tokens))
        }
    }

    /// A sequence whose numbers leave their range, and one that asks for a rung that there is not.
    @Test func whoFailsEndsAlone() throws {
        let (tiny, rung) = try tiny(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 40, pool: .make(2))
        var requests = try requests(TinyModels.llama, rung: rung)
        let missing = Precision(hundredths: 345)
        requests[4] = Request(
            prompt: [1, 2], scheduler: .fixed(PrecisionSchedule.constant(missing, prefillBits: 6)),
            settings: .greedy, limit: 9, stop: [])
        let expected = try requests.map { try alone($0, engine) }
        #expect(expected[4].reason == .failed && expected[4].tokens.count == 1)
        let generations = try requests.map { try generation($0, engine) }
        let batch = DecodeBatch<RecordingPlan>(engine, prefillChunk: 4)
        for generation in generations { try batch.admit(generation) }
        while !batch.isEmpty {
            try batch.tick { generation in
                if generation === generations[2], generation.tokens.count == 4 {
                    // NaN in half precision.
                    for layer in 0..<2 {
                        guard case .half(_, let values) = generation.sequence.cachedLayer(layer).numbers else {
                            continue
                        }
                        values[0] = 0x7e00
                    }
                }
                return true
            }
        }
        for (index, generation) in generations.enumerated() where index != 2 {
            #expect(Result(generation) == expected[index])
        }
        let failed = generations[2]
        #expect(failed.stopReason == .failed && failed.tokens == Array(expected[2].tokens.prefix(4)))
        #expect(failed.failure?.message.contains("found NaN") == true)
        #expect(generations[4].failure?.message.contains("no rung") == true)
        // What is wrong from the start is refused at the door.
        let wrong = Request(prompt: [999], scheduler: requests[0].scheduler, settings: .greedy, limit: 2, stop: [])
        #expect(throws: TaperError(.badData, "")) { try batch.admit(try generation(wrong, engine)) }
        #expect(batch.isEmpty)
    }
}
