import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Precision by need: every token is what the rule says of the model's own numbers.
@Suite struct AdaptiveTests {
    private static let prompt = [3, 17, 90, 4, 4, 61]

    private static func rule(
        _ low: Precision, _ high: Precision, margin: Float, tolerance: Float = 0, opening: Int = 0, hold: Int = 0,
        reread: Int = 1
    ) -> AdaptiveRule {
        AdaptiveRule(
            low: low, high: high, prefill: 6, rescue: 6, margin: margin, tolerance: tolerance, openingSteps: opening,
            holdSteps: hold, reread: reread)
    }

    private struct Outcome: Equatable {
        var tokens: [Int] = []
        var reason = StopReason.length
        var position = 0
        /// What the sampler draws next, and what the model says next.
        var next: [Int] = []
    }

    private func run(
        _ engine: Engine, _ scheduler: DecodeScheduler, _ settings: SamplerSettings, limit: Int = 50,
        stop: [Int] = [], until: Int = Int.max
    ) throws -> (outcome: Outcome, result: GenerationResult) {
        let sequence = try engine.makeSequence()
        var sampler = Decoding.Sampler(settings)
        var heard: [Int] = []
        let result = try generate(
            engine, sequence, prompt: Self.prompt, maxNewTokens: limit, scheduler: scheduler, sampler: &sampler,
            stopTokens: stop
        ) { token, _ in
            heard.append(token)
            return heard.count < until
        }
        #expect(heard == result.tokens)
        var outcome = Outcome(tokens: result.tokens, reason: result.stopReason, position: sequence.position)
        if result.stopReason != .contextFull {
            outcome.next = try generate(
                engine, sequence, prompt: [5], maxNewTokens: 4, scheduler: .fixed(.constant(6)), sampler: &sampler,
                stopTokens: []
            ) { _, _ in true }.tokens
        }
        return (outcome, result)
    }

    /// Half of the steps of a precision are surer than this.
    private func usualMargin(_ engine: Engine, _ bits: Precision) throws -> Float {
        let tokens = try run(engine, .fixed(.constant(bits, prefillBits: 6)), .greedy, limit: 20).outcome.tokens
        let sequence = try engine.makeSequence()
        try engine.read(Self.prompt, into: sequence, bits: 6)
        var margins: [Float] = []
        for token in tokens {
            let sorted = Array(try engine.read([token], into: sequence, bits: bits)).sorted(by: >)
            margins.append(sorted[0] - sorted[1])
        }
        return margins.sorted()[margins.count / 2]
    }

    private static let settings: [SamplerSettings] = {
        var drawn = SamplerSettings()
        drawn.temperature = 0.9
        drawn.seed = 4
        var penalized = drawn
        penalized.repeatPenalty = 1.3
        penalized.frequencyPenalty = 0.2
        return [.greedy, drawn, penalized]
    }()

    /// Never unsure: the low precision's text. Always unsure: the high one's, whose cache it is, too.
    @Test(arguments: TinyModels.all) func theEndsAreConstants(_ config: ModelConfig) throws {
        let tiny = try TinyBundle(config)
        for (index, settings) in Self.settings.enumerated() {
            let engine = try Engine(
                try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(1 + index % 3),
                cacheBits: index % 2 == 0 ? 16 : 8)
            // Loops apart, which have a test of their own.
            let limit = 12
            let low = try run(engine, .fixed(.constant(3, prefillBits: 6)), settings, limit: limit)
            let never = try run(engine, .adaptive(Self.rule(3, 6, margin: 0)), settings, limit: limit)
            #expect(never.outcome == low.outcome)
            #expect(never.result.averageBits == 3)
            let high = try run(engine, .fixed(.constant(6)), settings, limit: limit)
            for reread in [1, 4] {
                let rule = Self.rule(3, 6, margin: 1e9, reread: reread)
                let always = try run(engine, .adaptive(rule), settings, limit: limit)
                #expect(always.outcome == high.outcome, "\(config.family), \(index)")
                #expect(always.result.adaptive?.looks == always.result.adaptive?.lowSteps)
            }
        }
    }

    /// Each token against the engine, which reads the same tokens one by one at the precisions that were told.
    @Test(arguments: TinyModels.all) func everyTokenFollowsTheRule(_ config: ModelConfig) throws {
        let tiny = try TinyBundle(config)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(2))
        var (lows, highs) = (0, 0)
        let usual = try usualMargin(engine, 2)
        for rule in [
            Self.rule(2, 4, margin: usual), Self.rule(3, 6, margin: usual / 2, tolerance: usual),
            Self.rule(2, 6, margin: usual, tolerance: usual / 4, opening: 5, hold: 3),
        ] {
            let result = try run(engine, .adaptive(rule), .greedy, limit: 40).result
            guard result.adaptive?.rescues == 0 else { continue }
            let sequence = try engine.makeSequence()
            var logits = Array(try engine.read(Self.prompt, into: sequence, bits: 6))
            for (step, bits) in result.bitsPerStep.enumerated() {
                logits = Array(try engine.read([result.tokens[step]], into: sequence, bits: bits))
                guard step + 1 < result.tokens.count else { break }
                let sorted = logits.sorted(by: >)
                let chosen = logits[result.tokens[step + 1]]
                if bits == rule.low {
                    lows += 1
                    #expect(step >= rule.openingSteps && chosen == sorted[0] && sorted[0] - sorted[1] >= rule.margin)
                } else {
                    highs += 1
                    #expect(bits == rule.high && chosen >= sorted[0] - rule.tolerance)
                }
            }
        }
        #expect(lows > 0 && highs > 0, "\(config.family)")
    }

    /// The bits that are told are those that were read: a look reads low and high and yields two tokens or one.
    @Test func whatWasReadIsCounted() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(1))
        let rule = Self.rule(2, 4, margin: try usualMargin(engine, 2), opening: 3, hold: 1)
        let result = try run(engine, .adaptive(rule), .greedy, limit: 20).result
        let counts = try #require(result.adaptive)
        #expect(counts.looks > 0 && counts.rescues == 0)
        let steps = counts.lowSteps + counts.highSteps + counts.kept
        // The last look may have kept a token that nothing follows.
        #expect((0...1).contains(steps - result.decodeSteps))
        let sum = Double(counts.lowSteps * 2 + (counts.looks + counts.highSteps) * 4)
        #expect(abs(result.averageBits * Double(result.decodeSteps) - sum) < 1e-9)
    }

    @Test func endsAreWhereTheyWouldHaveBeen() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 48, pool: .make(2))
        for settings in Self.settings {
            for margin: Float in [0.2, 1e9] {
                let scheduler = DecodeScheduler.adaptive(Self.rule(3, 6, margin: margin))
                let whole = try run(engine, scheduler, settings, limit: 30).outcome.tokens
                for limit in [0, 1, 2, 3, 9, 60] {
                    let part = try run(engine, scheduler, settings, limit: limit).outcome
                    #expect(part.tokens.starts(with: whole.prefix(limit)) && part.tokens.count == min(limit, 43))
                    #expect(part.position == Self.prompt.count + max(0, part.tokens.count - 1))
                }
                for at in [0, 3, 8, 15, 22] {
                    let first = whole.firstIndex(of: whole[at]) ?? at
                    let stopped = try run(engine, scheduler, settings, stop: [whole[at]]).outcome
                    #expect(stopped.tokens == Array(whole.prefix(first)) && stopped.reason == .endOfSequence)
                    #expect(stopped.position == Self.prompt.count + first)
                    let left = try run(engine, scheduler, settings, until: at + 1).outcome
                    #expect(left.tokens == Array(whole.prefix(at + 1)) && left.reason == .caller)
                    #expect(left.position == Self.prompt.count + at)
                }
            }
        }
    }

    /// Others come and go, by need and by schedules: each gets what it gets alone.
    @Test func companyChangesNothing() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 90, pool: .make(3))
        func generation(_ scheduler: DecodeScheduler, _ settings: SamplerSettings, _ prompt: [Int], limit: Int)
            throws -> Generation<ScheduledPlan>
        {
            Generation(
                try engine.makeSequence(),
                plan: ScheduledPlan(scheduler, sampler: Decoding.Sampler(settings), maxNewTokens: limit),
                prompt: prompt, limit: limit, stopTokens: [])
        }
        func all(_ settings: SamplerSettings) throws -> [Generation<ScheduledPlan>] {
            [
                try generation(.adaptive(Self.rule(2, 4, margin: 0.3, hold: 1)), settings, Self.prompt, limit: 200),
                try generation(
                    .adaptive(Self.rule(3, 6, margin: 0.2, tolerance: 0.1, opening: 2)), settings,
                    [9, 8, 7, 61, 5, 4, 3, 2, 1], limit: 30),
                try generation(.fixed(.constant(4)), settings, [7, 7, 2], limit: 25),
            ]
        }
        for settings in Self.settings {
            let alone = try all(settings)
            for one in alone {
                let batch = DecodeBatch<ScheduledPlan>(engine)
                try batch.admit(one)
                while !batch.isEmpty { try batch.tick() }
            }
            for ticks in [1, 2, 5] {
                let batch = DecodeBatch<ScheduledPlan>(engine)
                let together = try all(settings)
                for one in together {
                    try batch.admit(one)
                    for _ in 0..<ticks { try batch.tick() }
                }
                while !batch.isEmpty { try batch.tick() }
                for (one, other) in zip(together, alone) {
                    #expect(one.tokens == other.tokens && one.bitsPerStep == other.bitsPerStep)
                    #expect(one.stopReason == other.stopReason && one.sequence.position == other.sequence.position)
                    #expect(one.adaptiveCounts == other.adaptiveCounts)
                }
            }
        }
    }

    /// A small model loops soon. The stretch is taken back before anybody has heard of it, and read anew at the highest precision.
    @Test func loopsAreWrittenAgain() throws {
        var rescued = 0
        for config in TinyModels.all {
            let tiny = try TinyBundle(config)
            let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 400, pool: .make(2))
            let result = try run(engine, .adaptive(Self.rule(2, 3, margin: 0.05)), .greedy, limit: 300).result
            #expect(result.tokens.count == 300 && result.bitsPerStep.count == 299)
            guard let counts = result.adaptive, counts.rescues > 0 else { continue }
            rescued += 1
            #expect(result.bitsPerStep.contains(6), "\(config.family)")
            // Once per loop: else it would never have come to an end.
            #expect(counts.rescues <= 20)
            let sequence = try engine.makeSequence()
            var logits = Array(try engine.read(Self.prompt, into: sequence, bits: 6))
            for (step, bits) in result.bitsPerStep.enumerated() {
                logits = Array(try engine.read([result.tokens[step]], into: sequence, bits: bits))
                let best = logits.firstIndex(of: logits.max() ?? 0)
                #expect(best == result.tokens[step + 1], "\(config.family), step \(step)")
            }
        }
        #expect(rescued > 0)
    }

    @Test func itIsNotDrafted() throws {
        let weights = try TransformerWeights(try TinyBundle(TinyModels.llama).bundle)
        #expect(throws: TaperError(.usage, "")) {
            try weights.speculation(draftBits: 2, for: .adaptive(Self.rule(2, 4, margin: 1)))
        }
        #expect(try weights.speculation(draftBits: 2, for: .fixed(.constant(4))).draftBits == 2)
    }

    /// Who leaves while something is held has a sequence that fits what was told.
    @Test func leavingInTheMiddleLeavesNothingUntold() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 200, pool: .make(2))
        for ticks in [2, 3, 20, 40, 60, 61, 62] {
            let generation = Generation(
                try engine.makeSequence(),
                plan: ScheduledPlan(
                    .adaptive(Self.rule(2, 3, margin: 0.3)), sampler: Decoding.Sampler(.greedy), maxNewTokens: 150),
                prompt: Self.prompt, limit: 150, stopTokens: [])
            let batch = DecodeBatch<ScheduledPlan>(engine)
            try batch.admit(generation)
            for _ in 0..<ticks { try batch.tick() }
            batch.cancel(generation)
            #expect(generation.stopReason == .caller)
            #expect(generation.sequence.position == Self.prompt.count + generation.tokens.count - 1)
            #expect(generation.bitsPerStep.count == generation.tokens.count - 1)
        }
    }
}
