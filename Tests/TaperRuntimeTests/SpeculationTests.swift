import TaperRuntime
import Testing

/// Ten thousand drafted tokens of the sample checkpoint are those of plain steps.
@Suite struct SpeculationTests {
    private static let beginnings = [
        "Who was Noah?", "In the beginning", "And it came to pass", "The king", "Why did they go into", "Speak unto",
        "a b a b a b a", "1 2 3 4 5", "Behold", "Write of the sea and of", "\u{e9}t\u{e9}", "Thus saith", "Go",
    ]

    @Test(arguments: [0, 0.7, 1.1]) func tenThousandTokensAreTheSame(temperature: Double) async throws {
        let model = try await SampleBundle.model(.init(threads: 2, contextLength: 256))
        var (count, accepted) = (0, 0)
        for (index, beginning) in Self.beginnings.enumerated() {
            for draft in [2, 3, 4] as [Precision] {
                var options = AnswerOptions(maxTokens: 100, sampling: .greedy, precision: .fixed(6))
                options.sampling = Sampling(temperature: temperature, seed: UInt64(index))
                options.ignoresEnd = true
                let plain = try await model.answer(.text(beginning), options: options)
                options.draft = draft
                let drafted = try await model.answer(.text(beginning), options: options)
                #expect(drafted.tokens == plain.tokens && drafted.text == plain.text, "\(beginning), \(draft)")
                #expect(drafted.precisions == plain.precisions && drafted.end == plain.end)
                #expect(plain.draftedTokenCount == 0)
                count += drafted.tokens.count
                accepted += drafted.acceptedTokenCount
            }
        }
        #expect(count == 3900 && accepted > 0)
    }
}
