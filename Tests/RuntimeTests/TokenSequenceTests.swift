import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing

@Suite struct TokenSequenceTests {
    /// Logits of all wanted rows, by chunk and token.
    private func run(
        _ engine: Engine, _ rows: Rows<TokenSequence>, bits: Precision
    ) throws -> [Int: [Int: [Float]]] {
        var logits: [Int: [Int: [Float]]] = [:]
        let failures = try engine.run(rows, bits: bits) { wanted in
            for row in wanted { logits[row.chunk, default: [:]][row.token] = Array(row.logits) }
        }
        #expect(failures.isEmpty)
        return logits
    }

    /// Chunks of every length and single tokens in one call: each gets exactly what it would have got alone, and only what it
    /// wants.
    @Test(arguments: TinyModels.all, [1, 3])
    func rowsOfOneCallDoNotMeet(_ config: ModelConfig, _ threads: Int) throws {
        // A head in bytes, and one that follows the layers' precisions.
        for head in [[], [3, 6]] { try rowsDoNotMeet(config, threads, headPrecisions: head) }
    }

    private func rowsDoNotMeet(_ config: ModelConfig, _ threads: Int, headPrecisions: [Int]) throws {
        let tiny = try TinyBundle(config, precisions: [2, 3, 4, 6, 16], headPrecisions: headPrecisions)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 64, pool: .make(threads))
        // Of one precision, of two, and of many at once, those of 16 bits among them.
        for mix: [Precision] in [[3], [16], [6, 2], [2, 2, 3, 16, 4, 4, 6]] {
            var rows = Rows<TokenSequence>()
            var tokens: [[Int]] = []
            for index in 0..<20 {
                let sequence = try engine.makeSequence()
                let before = Array(EngineTests.text.prefix(index % 7))
                if !before.isEmpty { try engine.read(before, into: sequence, bits: 6) }
                let new = (0..<[1, 5, 1, 1, 30][index % 5]).map { ($0 * 13 + index * 7) % config.vocabularySize }
                rows.append(
                    new[...], to: sequence, wanting: [.last, .all, .last, .none][index % 4],
                    bits: index % 3 == 0 && mix.count == 1 ? nil : mix[index % mix.count])
                tokens.append(new)
            }
            let together = try run(engine, rows, bits: mix[0])
            for (index, chunk) in rows.chunks.enumerated() {
                #expect(chunk.sequence.position == index % 7 + tokens[index].count)
                let alone = SingleSequence(engine, try engine.makeSequence())
                let before = Array(EngineTests.text.prefix(index % 7))
                if !before.isEmpty { try alone.read(before, bits: 6) }
                var expected: [Int: [Float]] = [:]
                let bits = chunk.bits ?? mix[0]
                for (place, token) in tokens[index].enumerated() {
                    let logits = Array(try alone.read([token], bits: bits))
                    switch chunk.wanted {
                    case .none: break
                    case .last: if place == tokens[index].count - 1 { expected[place] = logits }
                    case .all: expected[place] = logits
                    }
                }
                #expect(together[index] ?? [:] == expected, "\(config.family), chunk \(index)")
            }
        }
    }

    /// Layers are read once for each precision, a head in bytes once for all.
    @Test func aHeadInBytesIsReadOnce() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 16, pool: .make(1))
        func bytes(_ precisions: [Precision]) throws -> Int {
            var rows = Rows<TokenSequence>()
            for bits in precisions { rows.append([5], to: try engine.makeSequence(), wanting: .last, bits: bits) }
            let before = engine.counts
            _ = try run(engine, rows, bits: 2)
            return engine.counts.since(before).weightBytes
        }
        // 131 rows padded to 136, 72 columns padded to 128, and its scales.
        let head = 136 * 128 + 136 * 4
        #expect(try bytes([2, 4]) == bytes([2]) + bytes([4]) - head)
    }

    /// More rows than the buffers hold, divided within chunks.
    @Test func aCallMayBeLongerThanABlock() throws {
        var config = TinyModels.llama
        config.contextLength = 1024
        let tiny = try TinyBundle(config)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 1000, pool: .make(2))
        var random = RandomGenerator(seed: 3)
        let texts = [700, 1, 400, 513].map { count in (0..<count).map { _ in Int(random.next() % 131) } }
        var rows = Rows<TokenSequence>()
        for text in texts { rows.append(text[...], to: try engine.makeSequence(), wanting: .last) }
        let together = try run(engine, rows, bits: 3)
        for (index, text) in texts.enumerated() {
            let alone = Array(try engine.read(text, into: try engine.makeSequence(), bits: 3))
            #expect(together[index] == [text.count - 1: alone])
        }
    }

    @Test func aTwinGoesItsOwnWay() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 40, pool: .make(2))
        let (first, second, third) = (
            try engine.makeSequence(), try engine.makeSequence(), try engine.makeSequence()
        )
        try engine.read(EngineTests.text, into: first, bits: 4)
        second.copy(from: first)
        third.copy(from: first)
        try engine.read([3], into: first, bits: 2)
        let nine = Array(try engine.read([9], into: second, bits: 4))
        var rows = Rows<TokenSequence>()
        rows.append(4, to: first)
        rows.append(4, to: second)
        let four = try run(engine, rows, bits: 4)
        #expect(four[0] != four[1])
        // The same history in a third one.
        #expect(Array(try engine.read([9], into: third, bits: 4)) == nine)
        #expect([0: Array(try engine.read([4], into: third, bits: 4))] == four[1])
        second.truncate(to: EngineTests.text.count)
        #expect(Array(try engine.read([9], into: second, bits: 4)) == nine)
    }

    @Test func whatDoesNotFitIsRefusedBeforeAnythingIsRun() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 8, pool: .make(1))
        let (short, sound) = (try TokenSequence(TinyModels.llama, capacity: 2), try engine.makeSequence())
        for tokens in [[100_000], [1, 2, 3], [-1]] {
            var rows = Rows<TokenSequence>()
            rows.append(5, to: sound)
            rows.append(tokens[...], to: short, wanting: .last)
            #expect(throws: TaperError(.badData, "")) { try engine.run(rows, bits: 4) { _ in } }
        }
        #expect(short.position == 0 && sound.position == 0)
        try engine.read([1, 1], into: short, bits: 4)
        #expect(throws: TaperError(.badData, "")) { try engine.read([1], into: short, bits: 4) }
        #expect(throws: TaperError(.usage, "")) { try TokenSequence(TinyModels.llama, capacity: 0) }
    }

    /// Weights are loaded once; engines on other threads share them.
    @Test func weightsAreShared() async throws {
        let tiny = try TinyBundle(TinyModels.qwen2)
        let weights = try TransformerWeights(tiny.bundle)
        func read() throws -> [Float] {
            let engine = try Engine(weights, contextLength: 32, pool: .make(1))
            return Array(try engine.read(EngineTests.text, into: try engine.makeSequence(), bits: 4))
        }
        let expected = try read()
        let results = try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<4 { group.addTask { try read() } }
            var all: [[Float]] = []
            for try await result in group { all.append(result) }
            return all
        }
        #expect(results.allSatisfy { $0 == expected } && results.count == 4)
    }
}
