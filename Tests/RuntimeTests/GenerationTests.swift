import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

@Suite struct GenerationTests {
    private let prompt = [1, 5, 130, 17]

    private func run(
        _ tiny: TinyBundle, _ schedule: PrecisionSchedule, threads: Int = 1, limit: Int = 20, context: Int = 64,
        settings: SamplerSettings = .greedy, stop: [Int] = []
    ) throws -> GenerationResult {
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: context, pool: .make(threads))
        var sampler = Sampler(settings)
        return try generate(
            single.engine, single.sequence, prompt: prompt, maxNewTokens: limit, scheduler: .fixed(schedule),
            sampler: &sampler, stopTokens: stop
        ) { _, _ in true }
    }

    @Test func threadsDoNotChangeTheTokens() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let schedule = try PrecisionSchedule(parsing: "6@0,4@5,2@9", prefillBits: 6, place: "test")
        var hot = SamplerSettings()
        hot.temperature = 1.2
        hot.seed = 9
        for settings in [SamplerSettings.greedy, hot] {
            let one = try run(tiny, schedule, settings: settings)
            #expect(one.tokens.count == 20 && Set(one.tokens).count > 5)
            for threads in 2...3 {
                #expect(try run(tiny, schedule, threads: threads, settings: settings).tokens == one.tokens)
            }
        }
    }

    @Test func aSwitchUsesTheLowerBitsFromItsStepOn() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let schedule = try PrecisionSchedule(parsing: "6@0,3@4", prefillBits: 4, place: "test")
        let result = try run(tiny, schedule, limit: 10)

        // The same by hand: prefill at 4 bits, decode steps 0 to 3 at 6, then at 3.
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: .make(1))
        var sampler = Sampler(.greedy)
        var tokens = [sampler.sample(try single.read(prompt, bits: 4))]
        for step in 0..<9 {
            tokens.append(sampler.sample(try single.read([tokens[step]], bits: step < 4 ? 6 : 3)))
        }
        #expect(result.tokens == tokens)
        #expect(result.bitsPerStep == [6, 6, 6, 6, 3, 3, 3, 3, 3])
        #expect(result.averageBits == Double(4 * 6 + 5 * 3) / 9)
        #expect(result.switchPoints == [.init(fromStep: 0, bits: 6), .init(fromStep: 4, bits: 3)])
        let weights =
            4 * single.engine.weights.bytesPerToken(bits: 6) + 5 * single.engine.weights.bytesPerToken(bits: 3)
        let cache = (0..<9).reduce(0) { $0 + single.engine.cacheBytes(at: prompt.count + $1 + 1) }
        #expect(result.decodedBytes == weights + cache)
        #expect(result.prefillTokens == 4 && result.prefillBits == 4)
    }

    @Test func lowerBitsAfterTheSwitchChangeOnlyWhatFollows() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let high = try run(tiny, .constant(6), limit: 30)
        let late = try run(
            tiny, try PrecisionSchedule(parsing: "6@0,2@10", prefillBits: 6, place: "test"), limit: 30)
        // Step 10 makes token 11.
        #expect(high.tokens[..<11] == late.tokens[..<11])
        #expect(high.tokens != late.tokens)
    }

    @Test func stopTokensEndAndAreNotHandedOut() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let free = try run(tiny, .constant(4))
        #expect(free.stopReason == .length)
        let stop = free.tokens[6]
        let first = try #require(free.tokens.firstIndex(of: stop))
        let stopped = try run(tiny, .constant(4), stop: [stop])
        #expect(stopped.stopReason == .endOfSequence)
        #expect(stopped.tokens == Array(free.tokens[..<first]))
        #expect(stopped.bitsPerStep.count == first)
    }

    @Test func theEndOfTheContextIsReported() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let result = try run(tiny, .constant(4), limit: -1, context: 10)
        #expect(result.stopReason == .contextFull)
        // Positions 4 to 9 take six new tokens; the seventh needs no position of its own.
        #expect(result.tokens.count == 7)
        #expect(throws: TaperError(.badData, "")) { try run(tiny, .constant(4), context: 3) }
    }

    @Test func theCallerCanStop() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: .make(1))
        var sampler = Sampler(.greedy)
        var seen: [Int] = []
        var bits: [Precision] = []
        let schedule = try PrecisionSchedule(parsing: "4@0,2@1", prefillBits: 6, place: "test")
        let result = try generate(
            single.engine, single.sequence, prompt: prompt, maxNewTokens: 20, scheduler: .fixed(schedule),
            sampler: &sampler, stopTokens: []
        ) { token, used in
            seen.append(token)
            bits.append(used)
            return seen.count < 4
        }
        #expect(result.stopReason == .caller && result.tokens == seen && seen.count == 4)
        #expect(bits == [6, 4, 2, 2])
        #expect(single.position == prompt.count + 3)
    }

    @Test func noNewTokensMeansOnlyThePrompt() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let result = try run(tiny, .constant(4), limit: 0)
        #expect(result.tokens.isEmpty && result.bitsPerStep.isEmpty && result.stopReason == .length)
        #expect(result.averageBits == 4 && result.bytesPerToken == 0)
    }

    @Test func aConversationContinuesInTheCache() throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 64, pool: .make(1))
        var sampler = Sampler(.greedy)
        let first = try generate(
            single.engine, single.sequence, prompt: prompt, maxNewTokens: 5, scheduler: .fixed(.constant(4)),
            sampler: &sampler, stopTokens: []
        ) { _, _ in true }
        let question = [first.tokens[4], 9, 8]
        let second = try generate(
            single.engine, single.sequence, prompt: question, maxNewTokens: 5, scheduler: .fixed(.constant(4)),
            sampler: &sampler, stopTokens: []
        ) { _, _ in true }
        single.truncate(to: 0)
        let again = try generate(
            single.engine, single.sequence, prompt: prompt + first.tokens[..<4] + question, maxNewTokens: 5,
            scheduler: .fixed(.constant(4)),
            sampler: &sampler, stopTokens: []
        ) { _, _ in true }
        #expect(second.tokens == again.tokens)
    }
}
