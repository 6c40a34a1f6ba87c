import Storage
import Testing
import Text

/// Ten megabytes through every kind of step, of the texts and patterns that are worst for it. Nothing is timed: each takes a second or
/// two, and minutes to days where a step looks at a character again and again.
@Suite struct LinearTimeTests {
    private static let byteCount = 10_000_000
    /// A pattern that nearly matches everywhere in a text of its first letter.
    private static let nearly = String(repeating: "a", count: 20_000) + "b"

    private func tokenizer(
        added: String = "[]", normalizer: String = "null", pre: String = "null", decoder: String = "null"
    ) throws -> Tokenizer {
        let json = MalformedTokenizerTests.document(
            vocab: #"{"a":0,"aa":1," ":2,"b":3,"c":4}"#, merges: #"["a a"]"#, added: added, normalizer: normalizer,
            pre: pre, decoder: decoder)
        return try Tokenizer(tokenizerJSON: try JSONValue.parse(Array(json.utf8), place: "t"), place: "t")
    }

    private func text(_ unit: String) -> String {
        String(repeating: unit, count: Self.byteCount / unit.utf8.count)
    }

    @Test(arguments: [
        ("gpt2", " "), ("llama3", "\n "), ("qwen2-nfc", "\u{323}\u{301}"), ("qwen2-nfc", "\u{438}\u{306} "),
        ("llama2-spm", "A"), ("unigram-albert", "\u{e9} a "), ("unigram-charsmap", "\u{1f468}\u{200d}"),
        ("unigram-metaspace-nfkc", "\u{fb01} "),
    ])
    func tokenizersOfModels(name: String, unit: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        #expect(try !tokenizer.encode(text(unit), addSpecial: false).isEmpty)
    }

    @Test func aNormalizerThatReplacesAString() throws {
        let step = #"{"type":"Replace","pattern":{"String":"\#(Self.nearly)"},"content":"c"}"#
        let tokenizer = try tokenizer(normalizer: step)
        #expect(try tokenizer.encode(text("a"), addSpecial: false).count == Self.byteCount / 2)
        #expect(try tokenizer.encode("a" + Self.nearly + "b", addSpecial: false) == [0, 4, 3])
    }

    @Test func aSplitAtAString() throws {
        let step = #"{"type":"Split","pattern":{"String":"\#(Self.nearly)"},"behavior":"Removed","invert":false}"#
        let tokenizer = try tokenizer(pre: step)
        #expect(try tokenizer.encode(text("a"), addSpecial: false).count == Self.byteCount / 2)
        #expect(try tokenizer.encode("c" + Self.nearly + "b", addSpecial: false) == [4, 3])
    }

    /// The white space behind one is swallowed again by the next, which is the next of these spaces.
    @Test func addedTokensThatSwallowWhiteSpace() throws {
        let token = #"[{"id":2,"content":" ","special":false,"normalized":false,"rstrip":true}]"#
        let tokenizer = try tokenizer(added: token)
        #expect(try tokenizer.encode(text(" "), addSpecial: false).count == Self.byteCount)
    }

    /// Steps that hold back what later tokens may change, one token after the other.
    @Test(arguments: [
        #"{"type":"Replace","pattern":{"String":"\#(nearly)"},"content":"c"}"#,
        #"{"type":"Strip","content":"a","start":0,"stop":65535}"#,
        #"{"type":"Strip","content":"a","start":65535,"stop":0}"#,
    ])
    func decodersOfJoinedText(step: String) throws {
        let tokenizer = try tokenizer(decoder: #"{"type":"Sequence","decoders":[{"type":"Fuse"},\#(step)]}"#)
        let ids = [Int](repeating: 1, count: Self.byteCount / 10)
        let whole = tokenizer.decode(ids)
        #expect(whole.utf8.count == ids.count * 2 - (step.contains("65535") ? 65535 : 0))
        var (decoder, streamed) = (StreamDecoder(tokenizer, atStart: true), 0)
        for id in ids { streamed += decoder.append(id).utf8.count }
        #expect(streamed + decoder.finish().utf8.count == whole.utf8.count)
    }

    /// A message in which the texts that a template treats specially nearly are.
    @Test func aChatFrameThatLooksForTexts() throws {
        var template = try #require(ChatTemplate.named("chatml"))
        template.special = [.init(role: .user, text: "b" + Self.nearly.dropLast())]
        template.reasoning = .init(end: "b" + Self.nearly.dropLast(), trims: .none)
        let messages = ["user", "assistant", "user"].map { ChatMessage(role: $0, content: text("a")) }
        #expect(try template.render(messages, addGenerationPrompt: true).utf8.count > 3 * Self.byteCount)
    }
}
