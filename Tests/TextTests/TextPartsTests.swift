import Storage
import Testing
import Text

/// Long texts are cut into words part by part, which their tokens do not show.
@Suite struct TextPartsTests {
    /// What words begin and end with, and what looks like it.
    private static let units = [
        " ", " ", "  ", "\n", "\n", "\n\n", "\r\n", "\t", "a", "The", "s", "ll", "\u{17f}", "'", "'s", "'LL ", "1",
        "23", "456", ".", "...",
        "-", "(", "_", "\u{e9}", "e\u{301}", "\u{a0}", "\u{3000}", "\u{85}", "\u{2028}", "\u{4e00}", "\u{661}",
        "\u{b2}", "\u{1f468}\u{200d}",
        "<|endoftext|>", "\0", "\u{feff}", "x\ny", "b c", "7\n8", ";\n}", "d 9",
    ]

    @Test(arguments: ["gpt2", "llama3", "qwen2-nfc", "smollm-digits", "llama2-spm", "unigram-xlmr"])
    func partsHaveTheTokensOfTheWhole(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        var random = SplitMix64(state: 11)
        for _ in 0..<60 {
            let text = (0..<400).map { _ in Self.units[Int(random.next() % UInt64(Self.units.count))] }.joined()
            func tokens(_ size: Int) throws -> [Int] {
                try tokenizer.encode(text, addSpecial: true, parseSpecial: false, partSize: size)
            }
            let whole = try tokens(.max)
            for size in [1, 2, 3, 40] { #expect(try tokens(size) == whole, "\(size): \(printable(text))") }
        }
    }
}
