import Storage
import Testing
import Text

/// Decoders token by token, against what tokenizers 0.23.3 decodes.
@Suite struct DecoderStepTests {
    /// Text as it comes from tokens that are spelled out, and what is left at the end.
    private func text(
        _ decoders: String, _ tokens: [String], atStart: Bool = true, isExact: Bool = true
    ) throws -> (parts: [String], end: String) {
        let names = Array(Set(tokens)).sorted()
        let vocabulary = names.enumerated().map { "\(JSONValue.string($1).text()):\($0)" }.joined(separator: ",")
        let decoder = decoders.isEmpty ? "null" : #"{"type":"Sequence","decoders":[\#(decoders)]}"#
        let json = MalformedTokenizerTests.document(
            vocab: "{\(vocabulary)}", merges: "[]", pre: "null", decoder: decoder)
        let tokenizer = try Tokenizer(
            tokenizerJSON: try JSONValue.parse(Array(json.utf8), place: "t"), place: "t")
        var decoding = StreamDecoder(tokenizer, atStart: atStart, isExact: isExact)
        let ids = try tokens.map { try #require(names.firstIndex(of: $0)) }
        let parts = ids.map { decoding.append($0) }
        let end = decoding.finish()
        if atStart && isExact { #expect(parts.joined() + end == tokenizer.decode(ids)) }
        return (parts, end)
    }

    private static let fallback = #"{"type":"ByteFallback"},{"type":"Fuse"}"#
    private static func replace(_ pattern: String, _ content: String) -> String {
        #"{"type":"Replace","pattern":{"String":"\#(pattern)"},"content":"\#(content)"}"#
    }
    private static func strip(_ start: Int, _ stop: Int) -> String {
        #"{"type":"Strip","content":" ","start":\#(start),"stop":\#(stop)}"#
    }
    private static func metaspace(_ scheme: String) -> String {
        #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"\#(scheme)"}"#
    }

    /// The checkpoint of the case answers with 266 and 270.
    @Test func replaceAfterFuseSpansTokens() throws {
        let tokenizer = try AddedTokenTests.tokenizer("decoder-replace")
        let copy = try Tokenizer(compact: tokenizer.compact(), place: "t")
        #expect(copy.decode([266, 270]) == "\na")
        for isExact in [false, true] {
            var decoder = StreamDecoder(copy, isExact: isExact)
            let first = decoder.append(266)
            let second = decoder.append(270)
            #expect(first + second + decoder.finish() == "\na")
        }
    }

    @Test func whatMayStartAReplacedStringIsHeldBack() throws {
        let found = try text(#"{"type":"Fuse"},"# + Self.replace("aab", "X"), ["a", "a", "a", "b", "c", "aa"])
        #expect(found.parts == ["", "", "a", "X", "c", ""])
        #expect(found.end == "aa")
    }

    @Test func byteRunsAreTextOnlyAsAWhole() throws {
        let run = ["<0xC3>", "<0xA9>", "<0xFF>", "x", "<0xE2>", "<0x82>", "<0xAC>", "<0xE2>"]
        let exact = try text(Self.fallback, run)
        #expect(exact.parts == ["", "", "", "\u{fffd}\u{fffd}\u{fffd}x", "", "", "", ""])
        #expect(exact.end == "\u{fffd}\u{fffd}\u{fffd}\u{fffd}")
        let eager = try text(Self.fallback, run, isExact: false)
        #expect(eager.parts == ["", "é", "\u{fffd}", "x", "", "", "€", ""])
        #expect(eager.end == "\u{fffd}")
        // From the byte that breaks the run on, both agree.
        let broken = ["<0xFF>", "<0xC3>", "<0xA9>", "<0x41>", "b"]
        let early = try text(Self.fallback, broken, isExact: false).parts
        #expect(early.joined() == "\u{fffd}\u{fffd}\u{fffd}\u{fffd}b")
        #expect(try text(Self.fallback, broken).parts.joined() == early.joined())
    }

    @Test func stripCountsCharactersOfTheText() throws {
        let steps = #"{"type":"Fuse"},"# + Self.strip(2, 1)
        let found = try text(steps, [" ", "  a ", "b", "  "])
        #expect(found.parts == ["", " a", " b", " "])
        #expect(found.end == "")
        #expect(try text(steps, [" a"], atStart: false).parts == [" a"])
        // Before the tokens are joined, each is stripped.
        #expect(try text(Self.strip(1, 0), [" a", " b", "c"]).parts == ["a", "b", "c"])
    }

    @Test func metaspaceLosesAllMarksOfTheFirstToken() throws {
        #expect(try text(Self.metaspace("always"), ["▁▁a▁", "▁b"]).parts == ["a", " b"])
        #expect(try text(Self.metaspace("always"), ["▁a"], atStart: false).parts == [" a"])
        #expect(try text(Self.metaspace("never"), ["▁a"]).parts == [" a"])
    }

    @Test func withoutADecoderTokensStandApart() throws {
        #expect(try text("", ["a", "b"]).parts == ["a", " b"])
    }

    /// Byte-level tokens may end inside a character.
    @Test func bytesAreHeldUntilTheyAreACharacter() throws {
        let json = MalformedTokenizerTests.document(
            vocab: #"{"aÃ":0,"©":1,"ÿâ":2,"A":3}"#, merges: "[]",
            decoder: #"{"type":"Sequence","decoders":[{"type":"ByteLevel"},\#(Self.replace("é", "e"))]}"#)
        let tokenizer = try Tokenizer(
            tokenizerJSON: try JSONValue.parse(Array(json.utf8), place: "t"), place: "t")
        var decoder = StreamDecoder(tokenizer)
        #expect([0, 1, 2, 3].map { decoder.append($0) } == ["a", "e", "\u{fffd}", "\u{fffd}A"])
        #expect(tokenizer.decode([0, 1, 2, 3]) == "ae\u{fffd}\u{fffd}A")
    }
}
