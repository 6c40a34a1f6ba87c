import Foundation
import Storage
import Testing
import Text

/// Parts of tokenizer.json: what is not implemented is refused by name, and text without a token is an error.
@Suite struct TokenizerPipelineTests {
    struct Refused: CustomTestStringConvertible, Sendable {
        let mentions: String
        let json: String
        var testDescription: String { mentions + " in " + json.prefix(300) }
    }

    private static func document(
        normalizer: String = "null", pre: String = #"{"type":"ByteLevel","add_prefix_space":false}"#,
        decoder: String = #"{"type":"ByteLevel"}"#, post: String = "null", extra: String = ""
    ) -> String {
        MalformedTokenizerTests.document(normalizer: normalizer, pre: pre, decoder: decoder, post: post, extra: extra)
    }

    static let refused: [Refused] = [
        Refused(mentions: "BertNormalizer", json: document(normalizer: #"{"type":"BertNormalizer"}"#)),
        Refused(mentions: "ByteLevel", json: document(normalizer: #"{"type":"ByteLevel"}"#)),
        Refused(
            mentions: "a+", json: document(normalizer: #"{"type":"Replace","pattern":{"Regex":"a+"},"content":"b"}"#)),
        Refused(
            mentions: "Prepend", json: document(normalizer: #"{"type":"Sequence","normalizers":[{"type":"Prepend"}]}"#)),
        Refused(mentions: "UnicodeScripts", json: document(pre: #"{"type":"UnicodeScripts"}"#)),
        Refused(mentions: "FixedLength", json: document(pre: #"{"type":"FixedLength","length":5}"#)),
        Refused(
            mentions: "after ByteLevel",
            json: document(pre: #"{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}"#)),
        Refused(
            mentions: "mark", json: document(pre: #"{"type":"Metaspace","replacement":"_","prepend_scheme":"always"}"#)),
        Refused(mentions: "sometimes", json: document(pre: #"{"type":"Metaspace","prepend_scheme":"sometimes"}"#)),
        Refused(mentions: "Odd", json: document(pre: #"{"type":"Punctuation","behavior":"Odd"}"#)),
        Refused(
            mentions: "Removed",
            json: document(
                pre: #"{"type":"Split","pattern":{"Regex":"\#(gpt2)"},"behavior":"Removed","invert":false}"#)),
        Refused(
            mentions: "MergedWithNext",
            json: document(
                pre: #"{"type":"Split","pattern":{"Regex":"\#(gpt2)"},"behavior":"MergedWithNext","invert":false}"#)),
        Refused(mentions: "WordPiece", json: document(decoder: ##"{"type":"WordPiece","prefix":"@@"}"##)),
        Refused(mentions: "BPEDecoder", json: document(decoder: #"{"type":"BPEDecoder","suffix":"</w>"}"#)),
        Refused(mentions: "CTC", json: document(decoder: #"{"type":"CTC"}"#)),
        Refused(mentions: "ByteLevel", json: document(decoder: "null")),
        Refused(mentions: "ByteLevel", json: document(pre: "null")),
        Refused(
            mentions: "Replace", json: document(decoder: replaceRegex)),
        Refused(
            mentions: "ByteFallback",
            json: document(
                pre: "null", decoder: #"{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteFallback"}]}"#)),
        Refused(mentions: "dropout", json: document(extra: #","dropout":0.1"#)),
        Refused(mentions: "end_of_word_suffix", json: document(extra: #","end_of_word_suffix":"</w>""#)),
        Refused(mentions: "continuing_subword_prefix", json: document(extra: ##","continuing_subword_prefix":"@@""##)),
        Refused(mentions: "byte_fallback", json: document(extra: #","byte_fallback":true"#)),
        Refused(
            mentions: "template",
            json: document(
                post: #"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"Sequence":{"id":"A"}}]}"#)),
    ]
    private static let gpt2 =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"#
    private static let replaceRegex =
        #"{"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Replace","pattern":{"Regex":"a"},"content":"b"}]}"#

    private func tokenizer(_ text: String) throws -> Tokenizer {
        try Tokenizer(tokenizerJSON: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
    }

    @Test(arguments: refused)
    func partsThatAreNotImplementedAreRefusedByName(_ item: Refused) throws {
        do {
            _ = try tokenizer(item.json)
            Issue.record("accepted")
        } catch let error as TaperError {
            #expect(error.code == .unsupported, "\(error.message)")
            #expect(error.message.contains(item.mentions), "\(error.message)")
        }
    }

    @Test func truncationIsWarnedAbout() throws {
        let text = Self.document().replacing(#""model":"#, with: #""truncation":{"max_length":2},"model":"#)
        let made = try tokenizer(text)
        #expect(made.warnings.count == 1)
        #expect(made.warnings[0].contains("truncation"))
        #expect(try made.encode("ababab") == [2, 2, 2])
        #expect(try tokenizer(Self.document()).warnings.isEmpty)
    }

    /// The library drops such text in silence.
    @Test func textWithoutATokenIsAnErrorThatNamesTheCharacter() throws {
        for (text, named) in [("abx", "U+0078 'x'"), ("ab\u{20ac}", "U+20AC '\u{20ac}'"), ("ab\0", "U+0000")] {
            do {
                _ = try tokenizer(Self.document()).encode(text)
                Issue.record("accepted")
            } catch let error as TaperError {
                #expect(error.code == .badData)
                #expect(error.message.contains(named), "\(error.message)")
            }
        }
        let characters = try tokenizer(Self.document(pre: "null", decoder: #"{"type":"Fuse"}"#))
        #expect(try characters.encode("abab") == [2, 2])
        #expect(throws: TaperError(.badData, "")) { try characters.encode("ab ab") }
    }

    @Test func unigramWithoutAnUnknownTokenRefusesWhatItLacks() throws {
        let text = #"{"model":{"type":"Unigram","unk_id":null,"vocab":[["a",-1.5],["b",-2],["ab",-2.25]]}}"#
        let made = try tokenizer(text)
        #expect(try made.encode("abba") == [2, 1, 0])
        #expect(made.decode([2, 1, 0]) == "ab b a")
        #expect(throws: TaperError(.badData, "")) { try made.encode("abc") }
    }

    /// The library takes what the first template wrote for two texts, and the second one's rule for pairs.
    @Test func aSecondTemplateIsRefused() throws {
        func template(_ token: String) -> String {
            let special = #"{"SpecialToken":{"id":"\#(token)","type_id":0}}"#
            return
                #"{"type":"TemplateProcessing","single":[\#(special),{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{}}"#
        }
        let one = #"{"type":"Sequence","processors":[{"type":"ByteLevel"},\#(template("a"))]}"#
        #expect(try tokenizer(Self.document(post: one)).encode("b") == [0, 1])
        let two = #"{"type":"Sequence","processors":[\#(template("a")),\#(template("ab"))]}"#
        #expect(throws: TaperError(.unsupported, "")) { try tokenizer(Self.document(post: two)) }
        let bert = #"{"type":"BertProcessing","sep":["ab",2],"cls":["a",0]}"#
        #expect(try tokenizer(Self.document(post: bert)).encode("b") == [0, 1, 2])
    }

    @Test(arguments: ["T", "TQ", "TQ=", "TQ=a", "TQ===", "T!==", "TWFu=", "AAAA", "CAAAAAAAAAA="])
    func damagedReplacementTablesAreRefused(text: String) {
        let normalizer = #"{"type":"Precompiled","precompiled_charsmap":"\#(text)"}"#
        #expect(throws: TaperError(.badData, "")) { try tokenizer(Self.document(normalizer: normalizer)) }
    }

    /// A string is searched for its end whenever it replaces something.
    @Test func replacementsAreBounded() throws {
        func tokenizer(replacing string: String) throws -> Tokenizer {
            // The root's children begin at unit 1, and "b" is the only one; what it leads to begins at the unit beside it, which is
            // a leaf, whose string is the first.
            var trie = [UInt32](repeating: 0, count: 256)
            (trie[0], trie[1 ^ 0x62], trie[1 ^ 0x62 ^ 2]) = (1 << 10, 2 << 10 | 0x100 | 0x62, 0x8000_0000)
            let words = [UInt32(trie.count * 4)] + trie
            let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            let text = Data(bytes + Array(string.utf8)).base64EncodedString()
            let normalizer = #"{"type":"Precompiled","precompiled_charsmap":"\#(text)"}"#
            return try self.tokenizer(Self.document(normalizer: normalizer))
        }
        let long = String(repeating: "a", count: 1024)
        #expect(try tokenizer(replacing: long + "\0").encode("bb") == [Int](repeating: 0, count: 2048))
        #expect(try tokenizer(replacing: "a\0" + long).encode("ab") == [0, 0])
        for string in [long + "a\0", long + "a", "a\0" + long + "a"] {
            #expect(throws: TaperError(.badData, "")) { try tokenizer(replacing: string) }
        }
    }

    @Test func emptyReplacementTablesDoNothing() throws {
        for table in [#""AAAAAA==""#, "null"] {
            let normalizer = #"{"type":"Precompiled","precompiled_charsmap":\#(table)}"#
            #expect(try tokenizer(Self.document(normalizer: normalizer)).encode("abab") == [2, 2])
        }
    }
}
