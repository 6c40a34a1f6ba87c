import Bundle
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

/// An engine that looks for the largest logits alone writes what it writes with all of them.
@Suite struct HeadScreenEngineTests {
    /// A head of 2,000 rows in codes, with a screen that was made of nothing but the weights.
    /// - Parameter trust: factor on the deviations.
    private static func bundle(
        precisions: [Int] = [2, 3, 4, 6], trust: Float = 1, _ change: (inout ModelConfig) -> Void = { _ in }
    ) throws -> TinyBundle {
        var config = TinyModels.llama
        config.vocabularySize = 2000
        change(&config)
        let tiny = try TinyBundle(config, precisions: precisions, headPrecisions: [4, 6])
        let head = try tiny.bundle.weights(config.headName)
        let draft = try HeadScreenDraft(
            HeadScreenSection.Shape(leadBits: 3, directions: 0, rows: head.rows, columns: head.columns),
            headChecksum: tiny.bundle.headChecksum)
        for row in 0..<head.rows {
            draft.scales[row] = 0.0018
            // The middle of each eighth of the test's tables.
            for code in 0..<8 {
                let index = NestedLayout.tableIndex(ofPrefix: code, bits: 3)
                draft.entries[row * 8 + index] = UInt8(8 + 240 * (Double(code) + 0.5) / 8)
            }
        }
        let lead = try draft.screen(of: head).lead
        let pool = ThreadPool.make(1)
        var (exact, leading) = ([Float](repeating: 0, count: head.columns), [Float](repeating: 0, count: head.columns))
        for row in 0..<head.rows {
            lead.dequantizeRow(row, bits: 3, into: &leading, pool: pool)
            for bits in head.precisions {
                head.dequantizeRow(row, bits: bits, into: &exact, pool: pool)
                let sum = zip(exact, leading).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                draft.deviations[row] = max(draft.deviations[row], (sum / Float(head.columns)).squareRoot())
            }
        }
        for row in 0..<head.rows { draft.deviations[row] *= trust }
        draft.write(margin: 7, HeadScreen.Evidence())
        try tiny.bundle.adopt(headScreens: [draft.bytes])
        return tiny
    }

    private static func write(
        _ engine: Engine, _ settings: SamplerSettings, bits: Precision, count: Int
    ) throws -> GenerationResult {
        var sampler = Decoding.Sampler(settings)
        return try generate(
            engine, try engine.makeSequence(), prompt: [1, 5, 130], maxNewTokens: count,
            scheduler: .fixed(.constant(bits)),
            sampler: &sampler, stopTokens: []
        ) { _, _ in true }
    }

    private static let settings: [SamplerSettings] = {
        var drawn = SamplerSettings()
        (drawn.temperature, drawn.topK, drawn.seed) = (1, 20, 3)
        var penalized = drawn
        (penalized.topK, penalized.repeatPenalty, penalized.repeatLastN) = (8, 1.3, 16)
        var biased = SamplerSettings.greedy
        biased.logitBias = [.init(token: 7, value: -.infinity), .init(token: 9, value: -2)]
        var raised = SamplerSettings.greedy
        raised.logitBias = [.init(token: 11, value: 3)]
        var all = drawn
        (all.topK, all.topP) = (0, 0.9)
        return [.greedy, drawn, penalized, biased, raised, all]
    }()

    @Test(arguments: 0..<6, [2, 6] as [Precision])
    func tokensAreThoseOfTheWholeHead(_ index: Int, _ bits: Precision) throws {
        let tiny = try Self.bundle()
        let settings = Self.settings[index]
        let weights = try TransformerWeights(tiny.bundle)
        let engine = try Engine(weights, contextLength: 64, pool: .make(2))
        let screened = try Self.write(engine, settings, bits: bits, count: 50)
        let counts = engine.counts
        engine.usesHeadScreens = false
        let whole = try Self.write(engine, settings, bits: bits, count: 50)
        #expect(screened.tokens == whole.tokens && screened.tokens.count == 50)
        // Top-p alone needs all of them.
        let needsAll = index == 5
        #expect((counts.screenedRows == 0) == needsAll)
        #expect((screened.headRowsPerStep == nil) == needsAll && whole.headRowsPerStep == nil)
        if let rows = screened.headRowsPerStep { #expect(rows >= 8 && rows < 2000) }
    }

    /// Rows of a batch at several precisions, some of which want all logits.
    @Test func rowsOfABatchGetTheirOwn() throws {
        let tiny = try Self.bundle()
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(2))
        func run(_ leading: [Int]) throws -> [[Float]] {
            var rows = Rows<TokenSequence>()
            let bits: [Precision] = [2, 2, 4, 6]
            for (index, count) in leading.enumerated() {
                rows.append(
                    [3, 40 + index, 9], to: try engine.makeSequence(), wanting: .last, bits: bits[index], leading: count
                )
            }
            var found: [[Float]] = []
            #expect(try engine.run(rows, bits: 6) { for row in $0 { found.append(Array(row.logits)) } }.isEmpty)
            return found
        }
        let whole = try run([.max, .max, .max, .max])
        #expect(engine.counts.screenedRows == 0)
        let some = try run([1, 5, 2, 10])
        #expect(engine.counts.screenedRows == 4)
        for (index, count) in [1, 5, 2, 10].enumerated() {
            func best(_ logits: [Float]) -> [Int] {
                Array(logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(count))
            }
            #expect(best(some[index]) == best(whole[index]))
            for row in best(whole[index]) { #expect(some[index][row] == whole[index][row]) }
            #expect(some[index].contains(-.infinity))
        }
        #expect(try run([1, .max, 1, 1]) == whole)
    }

    /// Rows that were underestimated by too much are noticed: then, and for a while, the whole head is read.
    @Test func aScreenThatIsWrongCostsNoToken() throws {
        let tiny = try Self.bundle(trust: 0.05)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(2))
        let screened = try Self.write(engine, .greedy, bits: 4, count: 40)
        let counts = engine.counts
        #expect(counts.screenedRows == 40 && screened.headRowsPerStep == 2000)
        engine.usesHeadScreens = false
        let whole = try Self.write(engine, .greedy, bits: 4, count: 40)
        #expect(screened.tokens == whole.tokens)
        // One of nine steps reads the leading bits in vain.
        let tried = engine.weights.headScreens[0].bytesRead * 5
        #expect(screened.decodedBytes - whole.decodedBytes <= tried && screened.decodedBytes > whole.decodedBytes)
    }

    /// At 16 bits the head has 6.
    @Test func sixteenBitsAreScreenedLikeTheHighest() throws {
        let tiny = try Self.bundle(precisions: [2, 4, 16])
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(2))
        let screened = try Self.write(engine, .greedy, bits: 16, count: 20)
        #expect(engine.counts.screenedRows == 20 && screened.headRowsPerStep ?? 2000 < 2000)
        engine.usesHeadScreens = false
        #expect(try Self.write(engine, .greedy, bits: 16, count: 20).tokens == screened.tokens)
    }

    /// What a step is said to read depends on what it is asked for.
    @Test func bytesPerTokenAreOfWhatIsWanted() throws {
        let tiny = try Self.bundle()
        let weights = try TransformerWeights(tiny.bundle)
        let whole = tiny.bundle.manifest.bytesPerToken(bits: 4)
        #expect(weights.bytesPerToken(bits: 4, leading: .max) == whole)
        #expect(weights.bytesPerToken(bits: 4) < whole)
        #expect(weights.bytesPerToken(bits: 4) == (try tiny.bundle.bytesPerToken(bits: 4)))
        let plain = try TransformerWeights(tiny.bundle, headScreens: [])
        #expect(plain.bytesPerToken(bits: 4) == whole)
        #expect(try Engine(plain, contextLength: 64, pool: .make(1)).screenedHead == nil)
    }
}
