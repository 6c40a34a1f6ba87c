import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Drafted or not, the same comes of it.
@Suite struct SpeculationTests {
    private struct Outcome: Equatable {
        var tokens: [Int] = []
        var bits: [Precision] = []
        var reason = StopReason.length
        var position = 0
        /// What the sampler draws next, and what the model says next: both are where they would have been.
        var next: [Int] = []
    }

    private func run(
        _ engine: Engine, _ settings: SamplerSettings, schedule: String, speculation: Speculation?, limit: Int = 60,
        stop: [Int] = [], prompt: [Int] = [3, 17, 90, 4, 4, 61], until: Int = Int.max
    ) throws -> (outcome: Outcome, counts: SpeculationCounts) {
        let sequence = try engine.makeSequence()
        var sampler = Decoding.Sampler(settings)
        let scheduler = DecodeScheduler.fixed(
            try PrecisionSchedule(parsing: schedule, prefillBits: 6, place: "test"))
        var heard: [Int] = []
        let result = try generate(
            engine, sequence, prompt: prompt, maxNewTokens: limit, scheduler: scheduler, speculation: speculation,
            sampler: &sampler, stopTokens: stop
        ) { token, _ in
            heard.append(token)
            return heard.count < until
        }
        #expect(heard == result.tokens)
        var outcome = Outcome(
            tokens: result.tokens, bits: result.bitsPerStep, reason: result.stopReason, position: sequence.position)
        if result.stopReason != .contextFull {
            let more = try generate(
                engine, sequence, prompt: [5], maxNewTokens: 4, scheduler: scheduler, sampler: &sampler, stopTokens: []
            ) { _, _ in true }
            outcome.next = more.tokens
        }
        return (outcome, result.speculation)
    }

    private static let settings: [SamplerSettings] = {
        var drawn = SamplerSettings()
        drawn.temperature = 0.9
        drawn.seed = 4
        var penalized = drawn
        penalized.repeatPenalty = 1.3
        penalized.frequencyPenalty = 0.2
        var wide = drawn
        wide.topK = 0
        wide.topP = 1
        wide.minP = 0
        var greedyPenalized = SamplerSettings.greedy
        greedyPenalized.repeatPenalty = 1.1
        return [.greedy, drawn, penalized, wide, greedyPenalized]
    }()

    @Test(arguments: TinyModels.all) func draftsChangeNothing(_ config: ModelConfig) throws {
        let tiny = try TinyBundle(config)
        var accepted = 0
        for (index, settings) in Self.settings.enumerated() {
            let engine = try Engine(
                try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(1 + index % 3),
                cacheBits: index % 2 == 0 ? 16 : 8)
            for schedule in ["6@0", "6@0,4@9,3@20"] {
                let plain = try run(engine, settings, schedule: schedule, speculation: nil).outcome
                for (draft, limit) in [(2, 1), (3, 4), (4, 7)] {
                    let speculation = Speculation(draftBits: Precision(bits: draft), limit: limit)
                    let drafted = try run(engine, settings, schedule: schedule, speculation: speculation)
                    #expect(drafted.outcome == plain, "\(config.family), \(index), \(schedule), \(draft) bits")
                    accepted += drafted.counts.accepted
                }
            }
        }
        #expect(accepted > 0, "\(config.family)")
    }

    /// By the limit, by stop tokens and by who listens, in the middle of what was verified together.
    @Test func endsAreWhereTheyWouldHaveBeen() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 48, pool: .make(2))
        let speculation = Speculation(draftBits: 4)
        for settings in Self.settings {
            let whole = try run(engine, settings, schedule: "6@0", speculation: nil, limit: 40).outcome.tokens
            for limit in [0, 1, 2, 7, 42, 60] {
                let plain = try run(engine, settings, schedule: "6@0", speculation: nil, limit: limit).outcome
                let drafted = try run(engine, settings, schedule: "6@0", speculation: speculation, limit: limit)
                #expect(drafted.outcome == plain, "limit \(limit)")
            }
            for at in [0, 3, 8, 15, 22] {
                let plain = try run(engine, settings, schedule: "6@0", speculation: nil, stop: [whole[at]]).outcome
                let drafted = try run(engine, settings, schedule: "6@0", speculation: speculation, stop: [whole[at]])
                #expect(drafted.outcome == plain, "stop token \(at)")
                let left = try run(engine, settings, schedule: "6@0", speculation: nil, until: at + 1).outcome
                let leftDrafted = try run(engine, settings, schedule: "6@0", speculation: speculation, until: at + 1)
                #expect(leftDrafted.outcome == left, "until \(at)")
            }
        }
    }

    /// Others come and go while one drafts, at more and at fewer bits: each gets what it gets alone.
    @Test(arguments: ["6@0", "4@0", "2@0"]) func companyChangesNothing(_ schedule: String) throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 90, pool: .make(3))
        func generation(_ schedule: String, _ settings: SamplerSettings, _ prompt: [Int], limit: Int, drafts: Bool)
            throws -> Generation<ScheduledPlan>
        {
            Generation(
                try engine.makeSequence(),
                plan: ScheduledPlan(
                    .fixed(try PrecisionSchedule(parsing: schedule, prefillBits: 6, place: "test")),
                    sampler: Decoding.Sampler(settings), maxNewTokens: limit,
                    speculation: drafts ? Speculation(draftBits: 3) : nil), prompt: prompt, limit: limit,
                stopTokens: [])
        }
        func finish(_ batch: DecodeBatch<ScheduledPlan>) throws { while !batch.isEmpty { try batch.tick() } }
        for settings in Self.settings {
            func first(_ drafts: Bool) throws -> Generation<ScheduledPlan> {
                try generation("6@0", settings, [3, 17, 90, 4, 4, 61], limit: 200, drafts: drafts)
            }
            func second(_ drafts: Bool) throws -> Generation<ScheduledPlan> {
                try generation(schedule, settings, [9, 8, 7, 61, 5, 4, 3, 2, 1], limit: 20, drafts: drafts)
            }
            let alone = try [first(false), second(false)]
            for one in alone {
                let batch = DecodeBatch<ScheduledPlan>(engine)
                try batch.admit(one)
                try finish(batch)
            }
            #expect(alone[0].stopReason == .contextFull)
            for ticks in [1, 2, 5, 9] {
                let batch = DecodeBatch<ScheduledPlan>(engine)
                let both = try [first(true), second(true)]
                try batch.admit(both[0])
                for _ in 0..<ticks { try batch.tick() }
                try batch.admit(both[1])
                try finish(batch)
                for (one, other) in zip(both, alone) {
                    #expect(one.tokens == other.tokens && one.bitsPerStep == other.bitsPerStep, "\(schedule), \(ticks)")
                    #expect(one.stopReason == other.stopReason && one.sequence.position == other.sequence.position)
                }
            }
        }
    }

    @Test func theBundleSaysWhatCanDraft() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let weights = try TransformerWeights(tiny.bundle)
        #expect(try weights.speculation(draftBits: nil).draftBits == 3)
        #expect(try weights.speculation(draftBits: 2).draftBits == 2)
        #expect(throws: TaperError(.usage, "")) { try weights.speculation(draftBits: 5) }
        let high = try TransformerWeights(try TinyBundle(TinyModels.llama, precisions: [4, 6]).bundle)
        #expect(try high.speculation(draftBits: nil).draftBits == 4)
    }

    /// A step at the drafts' own precision, or below, is taken plainly.
    @Test func nothingIsDraftedAboveTheStep() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(1))
        let counts = try run(
            engine, .greedy, schedule: "3@0", speculation: Speculation(draftBits: 3)
        ).counts
        #expect(counts == SpeculationCounts())
    }
}
