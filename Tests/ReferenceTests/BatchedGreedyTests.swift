import Decoding
import Model
import Reference
import Storage
import Testing

@Suite struct BatchedGreedyTests {
    /// Prompts of 1 to 90 tokens: more than are decoded together, so that places are taken over.
    private func prompts(_ config: ModelConfig) -> [[Int]] {
        (0..<70).map { RandomModels.tokens(1 + $0 * 37 % 90, config, seed: UInt64($0)) }
    }

    @Test(arguments: RandomModels.families)
    func givesEveryPromptWhatItGetsAlone(family: String) throws {
        let config = RandomModels.config(family)
        let prompts = prompts(config)
        for residency in [ReferenceModel.Residency.resident, .streamed] {
            let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: residency, threads: 2)
            let together = try model.greedy(prompts, maxNewTokens: 12, stop: [1, 2, 3, 4, 5])
            var lengths: Set<Int> = []
            for index in stride(from: 0, to: prompts.count, by: residency == .resident ? 1 : 23) {
                let alone = try model.greedy(prompts[index], maxNewTokens: 12, stop: [1, 2, 3, 4, 5])
                #expect(together[index] == alone, "\(family): prompt \(index)")
                lengths.insert(alone.count)
            }
            // The random bias of phi's head outweighs its input, and every answer is as long.
            if residency == .resident, family != "phi" { #expect(lengths.count > 2, "\(family): some must stop early") }
        }
    }

    /// The state behind every token of an answer, of prompts that wait for a place, too.
    @Test func keepsTheStatesThatItIsAskedFor() throws {
        let config = RandomModels.config("mistral")
        let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: .resident, threads: 2)
        var heard: [Int: [Int]] = [:]
        try model.answer(prompts(config), limit: 9, stop: [1, 2, 3], keepsStates: true) { index, generation in
            heard[index] = generation.tokens
            let states = generation.sequence.states
            #expect(states.count == (generation.bitsPerStep.count + 1) * config.hiddenSize)
            guard let logits = try? model.logits(ofStates: states) else {
                Issue.record("prompt \(index) has no logits")
                return
            }
            for (place, token) in generation.tokens.enumerated() {
                let start = place * config.vocabularySize
                let row = logits[start..<start + config.vocabularySize]
                #expect(row.max() == row[start + token], "prompt \(index), token \(place)")
            }
        }
        #expect(heard.count == prompts(config).count)
    }

    @Test func answersWithNothingWhereNothingIsAsked() throws {
        let config = RandomModels.config("llama")
        let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: .resident, threads: 1)
        #expect(try model.greedy([[Int]](), maxNewTokens: 4, stop: []).isEmpty)
        #expect(try model.greedy([[1], [2]], maxNewTokens: 0, stop: []) == [[], []])
    }

    @Test func refusesToRunPastTheContext() throws {
        let config = RandomModels.config("llama")
        let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: .resident, threads: 1)
        let long = RandomModels.tokens(config.contextLength, config)
        #expect(throws: TaperError.self) { try model.greedy([[1, 2], long], maxNewTokens: 2, stop: []) }
        #expect(throws: TaperError.self) { try model.greedy([[1], []], maxNewTokens: 2, stop: []) }
        #expect(try model.greedy([[1, 2], long], maxNewTokens: 1, stop: []).map(\.count) == [1, 1])
    }
}
