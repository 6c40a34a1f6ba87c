import Foundation
import TaperRuntime
import Testing

@Suite struct LogProbabilityTests {
    private func options(_ count: Int?, _ sampling: Sampling = .greedy) -> AnswerOptions {
        var options = AnswerOptions(maxTokens: 12, sampling: sampling, precision: .fixed(4))
        options.logProbabilities = count
        return options
    }

    @Test func everyTokenHasItsOwn() async throws {
        let model = try await SampleBundle.model()
        let stream = model.stream("Who was Noah?", options: options(3))
        var pieces: [AnswerPiece] = []
        for try await piece in stream where piece.token != nil { pieces.append(piece) }
        let answer = try await stream.answer()
        #expect(pieces.compactMap(\.logProbability) == answer.logProbabilities)
        #expect(answer.logProbabilities.map(\.token) == answer.tokens)
        for token in answer.logProbabilities {
            #expect(token.logProbability <= 0 && token.alternatives.count == 3)
            // Greedy: the token is the likeliest.
            #expect(token.alternatives.first?.token == token.token)
            #expect(token.alternatives.first?.logProbability == token.logProbability)
            #expect(token.alternatives.map(\.logProbability) == token.alternatives.map(\.logProbability).sorted(by: >))
        }
        #expect(try await model.answer("Who was Noah?", options: options(nil)).logProbabilities.isEmpty)
        let plain = try await model.answer("Who was Noah?", options: options(0))
        #expect(plain.logProbabilities.map(\.logProbability) == answer.logProbabilities.map(\.logProbability))
        #expect(plain.logProbabilities.allSatisfy { $0.alternatives.isEmpty })
    }

    /// Temperature, bias and filters change what is drawn, not what the model thinks of it.
    @Test func theyAreTheModelsOwn() async throws {
        let model = try await SampleBundle.model()
        let greedy = try await model.answer("Who was Noah?", options: options(20)).logProbabilities[0]
        var sampling = Sampling(temperature: 2, topK: 1, seed: 4)
        let forced = greedy.alternatives[7]
        sampling.logitBias = [forced.token: 100]
        let biased = try await model.answer("Who was Noah?", options: options(20, sampling)).logProbabilities[0]
        #expect(biased.token == forced.token && biased.logProbability == forced.logProbability)
        #expect(biased.alternatives == greedy.alternatives)
    }

    /// Probabilities of the whole vocabulary add up to 1, but for those of tokens that end an answer, which are none of its tokens.
    @Test func theyAddUp() async throws {
        let model = try await SampleBundle.model()
        var options = options(0)
        options.maxTokens = 1
        let prompt = Prompt.tokens([try #require(model.tokenizer.encode("In").first)])
        var sum = 0.0
        for token in 0..<model.facts.vocabularySize {
            options.sampling.logitBias = [token: 1000]
            let first = try await model.answer(prompt, options: options).logProbabilities.first
            #expect(first == nil || first?.token == token)
            if let first { sum += exp(first.logProbability) }
        }
        #expect(sum > 0.98 && sum < 1 + 1e-9)
    }

    @Test func onlySoManyCanBeAskedFor() async throws {
        let model = try await SampleBundle.model()
        for count in [-1, 21] {
            let error = await #expect(throws: TaperError.self) {
                try await model.answer("Who?", options: options(count))
            }
            #expect(error?.code == .invalidArgument && error?.place == "logProbabilities")
        }
    }
}
