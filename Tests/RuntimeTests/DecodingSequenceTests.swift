import Kernels
import Model
import Runtime
import Storage
import Testing

@Suite struct DecodingSequenceTests {
    /// Sequences of different lengths that decode together get exactly the logits they would have got alone.
    @Test(arguments: TinyModels.all, [1, 3])
    func decodingTogetherEqualsDecodingAlone(_ config: ModelConfig, _ threads: Int) throws {
        let tiny = try TinyBundle(config)
        let pool = ThreadPool.make(threads)
        let transformer = try Transformer(bundle: tiny.bundle, contextLength: 40, pool: pool)
        let prompts = (0..<20).map { Array(TransformerTests.text.prefix(1 + $0 % 11)) }
        var sequences: [DecodingSequence] = []
        for prompt in prompts {
            transformer.truncate(to: 0)
            _ = try transformer.forward(prompt, bits: 6)
            let sequence = try transformer.makeSequence()
            transformer.copy(to: sequence)
            sequences.append(sequence)
        }
        var together = [[[Float]]](repeating: [], count: prompts.count)
        let vocabulary = config.vocabularySize
        for step in 0..<3 {
            let tokens = prompts.indices.map { ($0 * 7 + step * 3) % vocabulary }
            try transformer.step(tokens, sequences, bits: step < 2 ? 4 : 2) { first, logits in
                for row in 0..<logits.count / vocabulary {
                    together[first + row].append(Array(logits[row * vocabulary..<(row + 1) * vocabulary]))
                }
            }
        }
        for (index, prompt) in prompts.enumerated() {
            #expect(sequences[index].position == prompt.count + 3)
            transformer.truncate(to: 0)
            _ = try transformer.forward(prompt, bits: 6)
            for step in 0..<3 {
                let token = (index * 7 + step * 3) % vocabulary
                let alone = Array(try transformer.forward(token, bits: step < 2 ? 4 : 2))
                #expect(alone == together[index][step])
            }
        }
    }

    @Test func aTwinGoesItsOwnWay() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let transformer = try Transformer(bundle: tiny.bundle, contextLength: 40, pool: .make(2))
        _ = try transformer.forward(TransformerTests.text, bits: 4)
        let first = try transformer.makeSequence()
        let second = try transformer.makeSequence()
        transformer.copy(to: first)
        second.copy(from: first)
        var rows: [[Float]] = []
        func step(_ tokens: [Int], _ sequences: [DecodingSequence], _ bits: Precision) throws {
            try transformer.step(tokens, sequences, bits: bits) { _, logits in
                let size = transformer.config.vocabularySize
                for row in 0..<tokens.count { rows.append(Array(logits[row * size..<(row + 1) * size])) }
            }
        }
        try step([3], [first], 2)
        try step([9], [second], 4)
        try step([4, 4], [first, second], 4)
        #expect(rows[2] != rows[3])
        // The same history in the transformer's own cache.
        #expect(Array(try transformer.forward(9, bits: 4)) == rows[1])
        #expect(Array(try transformer.forward(4, bits: 4)) == rows[3])
        second.truncate(to: TransformerTests.text.count)
        try step([9, 4], [second, first], 4)
        #expect(rows[4] == rows[1])
        transformer.take(second)
        #expect(transformer.position == TransformerTests.text.count + 1)
        #expect(Array(try transformer.forward(4, bits: 4)) == rows[3])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let tiny = try TinyBundle(TinyModels.llama)
        let transformer = try Transformer(bundle: tiny.bundle, contextLength: 2, pool: .make(1))
        let sequence = try transformer.makeSequence()
        #expect(throws: TaperError.self) { try transformer.step([100_000], [sequence], bits: 4) { _, _ in } }
        for _ in 0..<2 { try transformer.step([1], [sequence], bits: 4) { _, _ in } }
        #expect(throws: TaperError.self) { try transformer.step([1], [sequence], bits: 4) { _, _ in } }
    }
}
