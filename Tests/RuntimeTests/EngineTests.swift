import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

@Suite struct EngineTests {
    static let text = [1, 5, 130, 17, 17, 44, 0, 99, 3, 64, 12, 80, 7]

    @Test(arguments: TinyModels.all, [2, 4, 6])
    func matchesTheForwardPassInDoublePrecision(_ config: ModelConfig, _ bits: Int) throws {
        let tiny = try TinyBundle(config)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(1))
        var logits: [[Float]] = []
        try single.readAll(EngineTests.text, bits: Precision(bits: bits)) { logits.append(Array($1)) }
        // A number that lies half-way between two bytes may fall either way in single precision, which moves this token's logits
        // and, through the cache, later ones' by some hundredths; all others agree to single precision.
        let expected = try tiny.oracle(bits: bits).logits(EngineTests.text)
        let differences = logits.indices.map { Self.difference([logits[$0]], [expected[$0]]) }
        #expect(differences.allSatisfy { $0 < 0.05 }, "\(config.family): \(differences)")
        #expect(differences.count { $0 < 1e-4 } >= 10, "\(config.family): \(differences)")
        #expect(single.position == EngineTests.text.count)
    }

    /// Largest difference, as a share of the largest magnitude expected.
    private static func difference(_ logits: [[Float]], _ expected: [[Double]]) -> Double {
        var (worst, spread) = (0.0, 0.0)
        for (row, other) in zip(logits, expected) {
            for (value, wanted) in zip(row, other) {
                worst = max(worst, abs(Double(value) - wanted))
                spread = max(spread, abs(wanted))
            }
        }
        return worst / spread
    }

    @Test(arguments: TinyModels.all)
    func aRungMatchesTheForwardPassInDoublePrecision(_ config: ModelConfig) throws {
        let rung = TinyBundle.rung(config, low: 2, high: 4)
        let tiny = try TinyBundle(config, documents: [(SectionName.rungs, .array([rung.json]))])
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(2))
        #expect(single.engine.weights.served == ([2, 3, 4, 6] + [rung.precision]).sorted())
        let expected = try tiny.oracle(rung: rung).logits(EngineTests.text)
        var (worst, spread) = (0.0, 0.0)
        try single.readAll(EngineTests.text, bits: rung.precision) { index, logits in
            for (value, other) in zip(logits, expected[index]) {
                worst = max(worst, abs(Double(value) - other))
                spread = max(spread, abs(other))
            }
        }
        #expect(worst < 0.001 * spread, "\(config.family): \(worst) of \(spread)")
        let bytes = ([2, rung.precision, 4] as [Precision]).map { single.engine.weights.bytesPerToken(bits: $0) }
        #expect(bytes[0] < bytes[1] && bytes[1] < bytes[2])
        // The sum over tensors that the format speaks of is what the kernels count.
        let plans = tiny.bundle.manifest.linearTensors
        let uniform = plans.reduce(0) { $0 + $1.bytesRead(bits: 2) }
        let mixed = zip(plans, rung.bits).reduce(0) { $0 + $1.0.bytesRead(bits: $1.1) }
        #expect(bytes[1] - bytes[0] == mixed - uniform)
        for bits in single.engine.weights.served + [Precision(bits: 5), Precision(bits: 8)] {
            #expect(single.engine.weights.bytesPerToken(bits: bits) == (try tiny.bundle.bytesPerToken(bits: bits)))
        }
    }

    @Test func aRungTheBundleLacksIsRefused() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 8, pool: .make(1))
        #expect(throws: TaperError(.usage, "")) { try single.read([1], bits: Precision(hundredths: 350)) }
        #expect(single.position == 0)
    }

    /// Nothing but the head's input and the cache is rounded.
    @Test(arguments: TinyModels.all)
    func sixteenBitsMatchTheForwardPassInDoublePrecision(_ config: ModelConfig) throws {
        let tiny = try TinyBundle(config, precisions: [2, 4, 16])
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(1))
        let expected = try tiny.oracle(bits: 16).logits(EngineTests.text)
        try single.readAll(EngineTests.text, bits: 16) { index, logits in
            let spread = expected[index].map { abs($0) }.max() ?? 0
            let worst = zip(logits, expected[index]).map { abs(Double($0) - $1) }.max() ?? 0
            #expect(worst < 0.001 * spread, "\(config.family): \(worst) of \(spread)")
        }
    }

    @Test func aStepDownFromSixteenBitsEqualsEachPrecisionAlone() throws {
        let tiny = try TinyBundle(TinyModels.llama, precisions: [2, 4, 16])
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(2))
        let schedule = try PrecisionSchedule(parsing: "16@0,4@3,2@6", prefillBits: 16, place: "test")
        try schedule.check(served: [2, 4, 16], place: "test")
        var sampler = Sampler(.greedy)
        let result = try generate(
            single.engine, single.sequence, prompt: [1, 5, 130], maxNewTokens: 10, scheduler: .fixed(schedule),
            sampler: &sampler, stopTokens: []
        ) { _, _ in true }
        #expect(result.bitsPerStep == [16, 16, 16, 4, 4, 4, 2, 2, 2])
        // By hand, on another instruction set.
        let other = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(1, .scalar))
        var greedy = Sampler(.greedy)
        var tokens = [greedy.sample(try other.read([1, 5, 130], bits: 16))]
        for step in 0..<9 { tokens.append(greedy.sample(try other.read([tokens[step]], bits: [16, 4, 2][step / 3]))) }
        #expect(result.tokens == tokens)
        #expect(single.engine.weights.bytesPerToken(bits: 16) > 2 * single.engine.weights.bytesPerToken(bits: 4))
    }

    @Test(arguments: TinyModels.all, [4, 16])
    func theDivisionIntoCallsAndTheThreadsChangeNothing(_ config: ModelConfig, _ bits: Precision) throws {
        let tiny = try TinyBundle(config, precisions: [2, 3, 4, 6, 16])
        var reference: [[Float]] = []
        for threads in 1...3 {
            for set in InstructionSet.available {
                let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(threads, set))
                var whole: [[Float]] = []
                try single.readAll(EngineTests.text, bits: bits) {
                    whole.append(Array($1)); _ = $0
                }
                single.truncate(to: 0)
                var steps: [[Float]] = []
                for token in EngineTests.text { steps.append(Array(try single.read([token], bits: bits))) }
                single.truncate(to: 5)
                let rest = Array(try single.read(Array(EngineTests.text[5...]), bits: bits))
                if reference.isEmpty { reference = whole }
                #expect(whole == reference)
                #expect(steps == reference)
                #expect(rest == reference.last)
            }
        }
    }

    @Test func precisionsDiffer() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 32, pool: .make(1))
        var seen: [[Float]] = []
        for bits: Precision in [2, 3, 4, 6] {
            single.truncate(to: 0)
            let logits = Array(try single.read(EngineTests.text, bits: bits))
            #expect(!seen.contains(logits))
            seen.append(logits)
        }
    }

    @Test func longTextGoesThroughInBlocks() throws {
        var config = TinyModels.llama
        config.contextLength = 2048
        let tiny = try TinyBundle(config)
        var random = RandomGenerator(seed: 3)
        let tokens = (0..<1100).map { _ in Int(random.next() % 131) }
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 1200, pool: .make(2))
        let whole = Array(try single.read(tokens, bits: 3))
        single.truncate(to: 0)
        for start in stride(from: 0, to: 1100, by: 100) {
            let logits = Array(try single.read(Array(tokens[start..<start + 100]), bits: 3))
            if start == 1000 { #expect(logits == whole) }
        }
        var count = 0
        single.truncate(to: 0)
        try single.readAll(tokens, bits: 3) { index, logits in
            #expect(index == count)
            count += 1
            if index == 1099 { #expect(Array(logits) == whole) }
        }
        #expect(count == 1100)
    }

    @Test func aFullContextIsAnErrorAndNothingIsCut() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 8, pool: .make(1))
        #expect(throws: TaperError(.badData, "")) { try single.read([Int](repeating: 1, count: 9), bits: 4) }
        #expect(single.position == 0)
        _ = try single.read([Int](repeating: 1, count: 8), bits: 4)
        #expect(throws: TaperError(.badData, "")) { try single.read([1], bits: 4) }
        #expect(throws: TaperError(.badData, "")) { try single.readAll([1], bits: 4) { _, _ in } }
        #expect(single.position == 8)
    }

    @Test func tokensOutsideTheVocabularyAreRefused() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 8, pool: .make(1))
        for tokens in [[-1], [131], [0, 1, 200], []] {
            #expect(throws: TaperError(.badData, "")) { try single.read(tokens, bits: 4) }
        }
    }

    @Test func impossibleContextsAreRefused() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        #expect(throws: TaperError(.usage, "")) {
            try SingleSequence(bundle: tiny.bundle, contextLength: 0, pool: .make(1))
        }
        #expect(throws: TaperError(.inputOutput, "")) {
            try SingleSequence(bundle: tiny.bundle, contextLength: 1 << 56, pool: .make(1))
        }
    }

    @Test func fewerBitsReadFewerBytes() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let single = try SingleSequence(bundle: tiny.bundle, contextLength: 8, pool: .make(1))
        let bytes = [2, 3, 4, 6].map { single.engine.weights.bytesPerToken(bits: $0) }
        #expect(zip(bytes, bytes.dropFirst()).allSatisfy { $0 < $1 })
        // The head, 131 rows padded to 136, 72 columns padded to 128, and its scales, is read at every precision.
        #expect(bytes[0] > 136 * 128 + 136 * 4)
        #expect(single.engine.cacheBytes(at: 10) == 10 * 2 * 32 * 2 * 2)
    }
}
