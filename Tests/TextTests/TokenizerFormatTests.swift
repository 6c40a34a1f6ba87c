import Storage
import Testing
import Text

/// formats/tokenizer.md: its examples, and a refusal for each of its rules.
@Suite struct TokenizerFormatTests {
    /// The dumps of the page in order: lines of an offset and bytes between fences.
    private static func examples() throws -> [[UInt8]] {
        let text = String(
            decoding: try Files.read(Fixtures.folder + "/../../../formats/tokenizer.md", limit: 1 << 20), as: UTF8.self)
        return text.split(separator: "```").compactMap { block in
            var bytes: [UInt8] = []
            for line in block.split(separator: "\n") {
                let parts = line.split(separator: " ")
                guard parts.count > 1, UInt8(parts[0], radix: 16) == UInt8(bytes.count) else { return nil }
                let values = parts.dropFirst().compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
                guard values.count == parts.count - 1 else { return nil }
                bytes += values
            }
            return bytes.isEmpty ? nil : bytes
        }
    }

    private static func tokenizer(_ json: String) throws -> Tokenizer {
        try Tokenizer(tokenizerJSON: try JSONValue.parse(Array(json.utf8), place: "t"), place: "t")
    }

    @Test func theSpecificationsExamplesAreWhatIsWritten() throws {
        let examples = try Self.examples()
        try #require(examples.count == 2)
        let first = try Self.tokenizer(MalformedTokenizerTests.document())
        #expect(first.compact() == examples[0])
        #expect(examples[0].count == 64)
        let second = try Self.tokenizer(
            MalformedTokenizerTests.document(
                added: #"[{"id":3,"content":"xy","normalized":true},{"id":4,"content":"z","normalized":false}]"#,
                decoder:
                    #"{"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Replace","pattern":{"String":"a"},"content":"b"}]}"#
            ))
        #expect(second.compact() == examples[1], "\(hexadecimal(second.compact()))")
        for bytes in examples { #expect(try Tokenizer(compact: bytes, place: "t").compact() == bytes) }
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    /// What an older program wrote for tokenizers whose added tokens are bytes as well.
    @Test func bundlesFromBeforeFlagFiveAreRead() throws {
        var bytes = try AddedTokenTests.tokenizer("special-token-is-a-byte").compact()
        // After 35 bytes and the lengths of 259 tokens.
        let flags = 35 + 2 * 259
        #expect(bytes[flags] == 0x23)
        bytes[flags] = 3
        let old = try Tokenizer(compact: bytes, place: "t")
        #expect(old.compact() == bytes)
        #expect(try old.encode("hi!") == [256, 0])
    }

    /// A section of version 2 for the tokens a, b and ab and the merge of the first two.
    private func section(
        kind: UInt8 = 1, settings: UInt8 = 0, normalizers: [UInt8] = [0], preTokenizers: [UInt8] = [0],
        decoders: [UInt8] = [1, 2], flags: [UInt8] = [0, 0, 0], scores: [Double] = [], merges: Int = 1,
        added: [UInt8] = [0, 0, 0, 0], tokens: [UInt8] = [], end: [UInt8] = []
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(0x4b54_5054)
        writer.u32(2)
        writer.raw([kind, settings] + normalizers + preTokenizers + decoders)
        for _ in 0..<3 { writer.u32(.max) }
        writer.raw([0, 0])
        writer.u32(3)
        writer.u32(UInt32(merges))
        writer.raw(added)
        for length: UInt16 in [1, 1, 2] { writer.u16(length) }
        writer.raw(flags)
        writer.string("abab")
        for score in scores { writer.u64(score.bitPattern) }
        for value: UInt32 in [0, 1, 2, 0].prefix(merges * 4) { writer.u32(value) }
        writer.raw(tokens + end)
        return writer.bytes
    }

    @Test func everyStepIsReadAndWritten() throws {
        let map: [UInt8] = [5, 2, 0, 0, 0, 0x41, 0, 0, 0, 0x42, 0, 0, 0, 1, 0, 0x61]
        let bytes = section(
            settings: 3,
            normalizers: [8, 0, 1, 0, 0x78, 1, 1, 0, 0x78, 0, 0, 2, 0, 0, 3, 4] + map
                + [6, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 7, 3],
            preTokenizers: [10, 0, 1, 2, 3, 4, 5, 16, 1, 17, 18, 2, 1, 0, 1, 0, 0x78, 18, 0, 0, 3],
            decoders: [7, 0, 1, 0, 0x78, 0, 0, 1, 2, 3, 1, 0, 0x20, 1, 0, 0, 0, 4, 1, 5, 6],
            flags: [0, 3, 35], added: [1, 0, 0, 0], tokens: [1, 0, 0, 0, 31, 2, 0, 0xc3, 0xa9])
        let tokenizer = try Tokenizer(compact: bytes, place: "t")
        #expect(tokenizer.compact() == bytes)
        #expect(try Tokenizer(compact: section(), place: "t").encode("abb") == [2, 1])
    }

    static let refusals = [
        "kind", "settings", "normalizer", "pattern", "map order", "map text", "table", "strip", "pre-tokenizer",
        "metaspace", "behaviour", "inverted", "split", "split pattern", "decoder", "metaspace decoder", "token flags",
        "score", "scores", "unigram merges", "added flags", "added content", "added text", "added id", "end",
        "17 steps",
        "unigram of version 1",
    ]

    @Test(arguments: refusals)
    func whatTheSpecificationDoesNotAllowIsRefused(rule: String) {
        let one: [UInt8] = [1, 0, 0, 0]
        let bytes: [UInt8] =
            switch rule {
            case "kind": section(kind: 3)
            case "settings": section(settings: 4)
            case "normalizer": section(normalizers: [1, 8])
            case "pattern": section(normalizers: [1, 1, 0, 0, 0, 0])
            case "map order": section(normalizers: [1, 5, 2, 0, 0, 0, 0x42, 0, 0, 0, 0x41, 0, 0, 0, 0, 0])
            case "map text": section(normalizers: [1, 5, 1, 0, 0, 0, 0x42, 0, 0, 0, 1, 0xff])
            case "table": section(normalizers: [1, 6, 5, 0, 0, 0, 4, 0, 0, 0, 0])
            case "strip": section(normalizers: [1, 7, 4])
            case "pre-tokenizer": section(preTokenizers: [1, 19])
            case "metaspace": section(preTokenizers: [1, 16, 3])
            case "behaviour": section(preTokenizers: [1, 18, 5, 0, 1])
            case "inverted": section(preTokenizers: [1, 18, 0, 2, 1])
            case "split": section(preTokenizers: [1, 18, 0, 0, 5])
            case "split pattern": section(preTokenizers: [1, 18, 0, 0, 0, 0, 0])
            case "decoder": section(decoders: [1, 7])
            case "metaspace decoder": section(decoders: [1, 4, 2])
            case "token flags": section(flags: [0, 64, 0])
            case "score": section(kind: 2, scores: [-1, .nan, -2], merges: 0)
            case "scores": section(kind: 2, scores: [-1], merges: 0)
            case "unigram merges": section(kind: 2, scores: [-1, -2, -3])
            case "added flags": section(added: one, tokens: [0, 0, 0, 0, 32, 1, 0, 0x61])
            case "added content": section(added: one, tokens: [0, 0, 0, 0, 0, 0, 0])
            case "added text": section(added: one, tokens: [0, 0, 0, 0, 0, 1, 0, 0xff])
            case "added id": section(added: one, tokens: [3, 0, 0, 0, 0, 1, 0, 0x61])
            case "end": section(end: [0])
            case "17 steps": section(decoders: [17] + [UInt8](repeating: 2, count: 17))
            default: [0x54, 0x50, 0x54, 0x4b, 1, 0, 0, 0, 2] + section().dropFirst(9)
            }
        #expect(throws: TaperError.self) { try Tokenizer(compact: bytes, place: "t") }
    }

    @Test func unigramSectionsAreRead() throws {
        let bytes = section(kind: 2, scores: [-1, -2, -2.5], merges: 0)
        let tokenizer = try Tokenizer(compact: bytes, place: "t")
        #expect(tokenizer.compact() == bytes)
        #expect(try tokenizer.encode("abba") == [2, 1, 0])
    }
}
