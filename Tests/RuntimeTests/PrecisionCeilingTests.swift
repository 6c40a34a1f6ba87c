import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// Limits that change as a text is written, on a clock that goes on by a second a token.
@Suite struct PrecisionCeilingTests {
    private final class World {
        var step = -1
        var looks = 0
        /// By decode step; -1 while the prompt is read.
        var limit: (World) -> Int? = { _ in nil }
        static let ownBytes = 1000
        func reading() -> MemoryReading {
            looks += 1
            return MemoryReading(limit: limit(self), ownBytes: World.ownBytes)
        }
    }

    private let prompt = [1, 5, 130, 17]
    private let tiny: TinyBundle
    private let engine: Engine
    private let world = World()

    init() throws {
        tiny = try TinyBundle(TinyModels.qwen2)
        engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 512, pool: .make(1))
    }

    private func ceiling(
        _ scheduled: [Precision] = [6], draft: Precision? = nil, fits: Bool = false
    ) throws -> PrecisionCeiling {
        let world = world
        return try PrecisionCeiling(
            engine, scheduled: scheduled, draft: draft, fits: fits, interval: 0, clock: { Double(world.step) }
        ) { world.reading() }
    }

    private func write(
        _ count: Int, _ ceiling: PrecisionCeiling, prompt: [Int]? = nil, schedule: PrecisionSchedule = .constant(6),
        speculation: Speculation? = nil, settings: SamplerSettings = .greedy
    ) throws -> GenerationResult {
        var sampler = Decoding.Sampler(settings)
        return try generate(
            engine, try engine.makeSequence(), prompt: prompt ?? self.prompt, maxNewTokens: count,
            scheduler: .fixed(schedule), speculation: speculation, ceiling: ceiling, sampler: &sampler, stopTokens: []
        ) { _, _ in
            world.step += 1
            return true
        }
    }

    /// The same by hand: every step at the bits that the other run had.
    private func repeated(_ result: GenerationResult, _ settings: SamplerSettings = .greedy) throws -> [Int] {
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 512, pool: .make(1))
        var sampler = Decoding.Sampler(settings)
        sampler.observe(prompt)
        func draw(_ logits: UnsafeBufferPointer<Float>) -> Int {
            var own = Array(logits)
            return own.withUnsafeMutableBufferPointer { sampler.sample($0) }
        }
        var tokens = [draw(try single.read(prompt, bits: result.prefillBits))]
        for bits in result.bitsPerStep { tokens.append(draw(try single.read([tokens[tokens.count - 1]], bits: bits))) }
        return tokens
    }

    private func need(_ bits: Precision, margin: Double = 0) -> Int {
        let weights = engine.residentBytes([bits])
        return World.ownBytes + weights + Int((Double(weights) * margin).rounded(.up))
    }

    @Test func aLimitThatFallsAndRisesIsFollowed() throws {
        world.limit = { [self] world in
            switch world.step {
            case ..<40: nil
            case ..<80: need(2)
            case ..<120: need(4, margin: CeilingPolicy.margin)
            default: nil
            }
        }
        let ceiling = try ceiling()
        let result = try write(201, ceiling)
        #expect(result.bitsPerStep.count == 200)
        // Down with the step that follows, up after some looks, one precision at a time.
        #expect(result.bitsPerStep[..<40].allSatisfy { $0 == 6 })
        #expect(result.bitsPerStep[40..<80].allSatisfy { $0 == 2 })
        #expect(result.bitsPerStep[100..<120].allSatisfy { $0 == 4 })
        #expect(result.bitsPerStep[140...].allSatisfy { $0 == 6 })
        #expect(result.switchPoints.map { $0.bits } == [6, 2, 3, 4, 6])
        #expect(try repeated(result) == result.tokens)
        #expect(ceiling.changes.map { $0.bits } == [6, 2, 3, 4, 6])
        for (change, point) in zip(ceiling.changes, result.switchPoints) { #expect(change.fromStep == point.fromStep) }
        #expect(ceiling.changes[1].neededBytes == need(2) && !ceiling.isShort)
    }

    @Test func drawnAndDraftedTextsAreThoseOfTheirBits() throws {
        var settings = SamplerSettings()
        settings.temperature = 0.9
        settings.seed = 4
        world.limit = { [self] world in
            world.step < 30 ? nil : world.step < 60 ? need(2) : nil
        }
        let ceiling = try ceiling(draft: 2)
        let result = try write(
            120, ceiling, speculation: Speculation(draftBits: 2), settings: settings)
        #expect(result.speculation.verifications > 0)
        #expect(Set(result.bitsPerStep) == [2, 3, 4, 6])
        #expect(try repeated(result, settings) == result.tokens)
    }

    /// A draft at more bits than are allowed would read what was given back.
    @Test func nothingIsDraftedAboveTheCeiling() throws {
        world.limit = { [self] world in world.step < 0 ? nil : need(3) }
        let result = try write(40, try ceiling(draft: 4), speculation: Speculation(draftBits: 4))
        #expect(result.bitsPerStep.allSatisfy { $0 <= 3 })
        #expect(result.speculation == SpeculationCounts())
    }

    @Test func theScheduleHoldsBelowTheCeiling() throws {
        world.limit = { [self] world in world.step < 0 ? nil : 10 * need(6) }
        let schedule = try PrecisionSchedule(parsing: "6@0,4@10,2@20", prefillBits: 6, place: "test")
        let free = try write(40, try ceiling(schedule.precisions), schedule: schedule)
        #expect(free.bitsPerStep == (0..<39).map { schedule.bits(atStep: $0) })
        world.step = -1
        let levels = try ceiling(schedule.precisions).levels
        // With the tables of what the schedule steps down to.
        world.limit = { world in world.step < 0 ? nil : World.ownBytes + levels[1].byteCount }
        let capped = try write(40, try ceiling(schedule.precisions), schedule: schedule)
        #expect(capped.bitsPerStep == (0..<39).map { min(schedule.bits(atStep: $0), 3) })
        #expect(levels[1].byteCount == engine.residentBytes([3, 2]))
    }

    /// In parts, between which it is looked.
    @Test func aLongPromptFollowsToo() throws {
        let rows = engine.rowLimit
        let long = (0..<rows + 40).map { ($0 * 37) % 120 + 1 }
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: rows + 100, pool: .make(1))
        let world = world
        world.limit = { world in world.looks < 3 ? nil : 1 }
        let ceiling = try PrecisionCeiling(engine, scheduled: [6], interval: 0, clock: { 0 }) { world.reading() }
        var sampler = Decoding.Sampler(.greedy)
        let result = try generate(
            engine, try engine.makeSequence(), prompt: long, maxNewTokens: 2, scheduler: .fixed(.constant(6)),
            ceiling: ceiling, sampler: &sampler, stopTokens: []
        ) { _, _ in true }
        #expect(result.prefillBits == 2 && ceiling.isShort)
        let single = try SingleSequence(engine, engine.makeSequence())
        try single.read(Array(long[..<engine.rowLimit]), bits: 6)
        #expect(sampler.sample(try single.read(Array(long[engine.rowLimit...]), bits: 2)) == result.tokens[0])
    }

    @Test func tooLittleFromTheBeginningIsAnError() throws {
        world.limit = { [self] _ in need(2) }
        let error = #expect(throws: TaperError.self) { try ceiling() }
        // Buffers that no step has touched count before the first one.
        #expect(error?.code == .usage)
        #expect(error?.message.contains("at least " + byteText(need(2) + engine.scratchBytes)) == true)
    }

    @Test func whatFitsLeavesRoomForAFullContext() throws {
        let cache = engine.cacheBytesPerToken * engine.contextLength
        world.limit = { [self] _ in need(4) + engine.scratchBytes + cache }
        let fitting = try ceiling(fits: true)
        #expect(fitting.allowed == 4)
        // And it stays there.
        world.limit = { _ in nil }
        let result = try write(60, fitting)
        #expect(result.prefillBits == 4 && result.bitsPerStep.allSatisfy { $0 == 4 })
    }

    @Test func whatIsKeptIsNotComparedAgain() throws {
        let single = SingleSequence(engine, try engine.makeSequence())
        let expected = Array(try single.read(prompt, bits: 6))
        let once = try #require(engine.comparedByteCount)
        engine.keepOnly([6])
        try single.read([3], bits: 6)
        #expect(engine.comparedByteCount == once)
        engine.keepOnly([2])
        single.truncate(to: 0)
        #expect(Array(try single.read(prompt, bits: 6)) == expected)
        #expect(try #require(engine.comparedByteCount) > once)
    }

    @Test func precisionsShareTheirPlanes() {
        let tables = tiny.bundle.manifest.linearTensors.reduce(0) {
            $0 + NestedLayout.paddedRows($1.shape[0]) * (8 + 4)
        }
        #expect(engine.residentBytes([4, 3]) == engine.residentBytes([4]) + tables)
        #expect(engine.residentBytes([2]) < engine.residentBytes([3]))
    }
}
