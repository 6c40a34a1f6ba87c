import Storage
import Testing
import Text

/// Corners that random comparison with the `tokenizers` library found.
@Suite struct UnicodeCornerTests {
    /// GPT-2's fixture with flags changed on its added tokens: 1 strips on the left, 2 on the right.
    private func stripping() throws -> Tokenizer {
        guard case .object(var members) = try Fixtures.json("gpt2/tokenizer.json") else {
            throw TaperError(.badData, "no object")
        }
        for index in members.indices where members[index].key == "added_tokens" {
            let list = members[index].value.array ?? []
            members[index].value = .array(
                list.enumerated().map { position, item in
                    .object(
                        (item.members ?? []).map { member in
                            switch member.key {
                            case "lstrip": .init("lstrip", .bool(position == 1))
                            case "rstrip": .init("rstrip", .bool(position == 2))
                            default: member
                            }
                        })
                })
        }
        return try Tokenizer(tokenizerJSON: .object(members), place: "t")
    }

    @Test func addedTokensSwallowUnicodeSpace() throws {
        let tokenizer = try stripping()
        let left = try #require(tokenizer.id(ofToken: "<|end|>"))
        let right = try #require(tokenizer.id(ofToken: "<|im_start|>"))
        let a = try tokenizer.encode("a")
        #expect(try tokenizer.encode("a\u{3000}\u{a0} \n<|end|>") == a + [left])
        #expect(try tokenizer.encode("<|im_start|>\u{2003}\u{85}\ta") == [right] + a)
        // NUL before white space is no white space.
        #expect(try tokenizer.encode("<|im_start|>\0\u{85}a") == [right] + tokenizer.encode("\0\u{85}a"))
        // U+200B and U+180E are not white space.
        #expect(try tokenizer.encode("<|im_start|>\u{200b}") == [right] + tokenizer.encode("\u{200b}"))
    }

    /// U+0F73 is a starter that decomposes into marks, which order before U+1D165.
    @Test func tibetanVowelsAreReordered() throws {
        let tokenizer = try Fixtures.tokenizer("qwen2-nfc")
        let ids = try tokenizer.encode("\u{1d15e}\u{f73}")
        let expected: [Unicode.Scalar] = ["\u{1d157}", "\u{f71}", "\u{f72}", "\u{1d165}"]
        #expect(Array(tokenizer.decode(ids).unicodeScalars) == expected)
    }
}
