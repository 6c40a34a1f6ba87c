import Storage
import Testing
import Text

/// Files that are wrong: each gives an error of the right kind that names the part, and none crashes.
@Suite struct MalformedTokenizerTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let code: TaperError.Code
        /// What the message must name.
        let mentions: String
        let json: String
        var testDescription: String { name }
    }

    /// A whole tokenizer.json around the parts given.
    static func document(
        vocab: String = #"{"a":0,"b":1,"ab":2}"#, merges: String = #"["a b"]"#, added: String = "[]",
        normalizer: String = "null", pre: String = #"{"type":"ByteLevel","add_prefix_space":false}"#,
        decoder: String = #"{"type":"ByteLevel"}"#, post: String = "null", type: String = "BPE", extra: String = ""
    ) -> String {
        #"{"added_tokens":\#(added),"normalizer":\#(normalizer),"pre_tokenizer":\#(pre),"post_processor":\#(post),"#
            + #""decoder":\#(decoder),"model":{"type":"\#(type)","vocab":\#(vocab),"merges":\#(merges)\#(extra)}}"#
    }

    static func split(_ pattern: String) -> String {
        #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated","invert":false}"#
    }

    static func added(_ id: String, _ content: String) -> String {
        #"[{"id":\#(id),"content":"\#(content)","special":true}]"#
    }

    static let cases: [Case] = [
        Case(name: "model missing", code: .badData, mentions: "model", json: "{}"),
        Case(name: "model null", code: .badData, mentions: "model", json: #"{"model":null}"#),
        Case(name: "not an object", code: .badData, mentions: "model", json: "[]"),
        Case(name: "vocabulary missing", code: .badData, mentions: "vocabulary", json: document(vocab: "null")),
        Case(name: "vocabulary empty", code: .badData, mentions: "vocabulary", json: document(vocab: "{}")),
        Case(name: "merges missing", code: .badData, mentions: "merges", json: document(merges: "null")),
        Case(name: "huge gap", code: .badData, mentions: "", json: document(vocab: #"{"a":0,"b":1,"ab":2000000}"#)),
        Case(name: "same id", code: .badData, mentions: "same id", json: document(vocab: #"{"a":0,"b":1,"ab":1}"#)),
        Case(name: "negative id", code: .badData, mentions: "b", json: document(vocab: #"{"a":0,"b":-1,"ab":2}"#)),
        Case(name: "large id", code: .badData, mentions: "b", json: document(vocab: #"{"a":0,"b":4294967297,"ab":2}"#)),
        Case(name: "id no number", code: .badData, mentions: "b", json: document(vocab: #"{"a":0,"b":"1","ab":2}"#)),
        Case(name: "id a fraction", code: .badData, mentions: "b", json: document(vocab: #"{"a":0,"b":1.5,"ab":2}"#)),
        Case(name: "key twice", code: .badData, mentions: "twice", json: document(vocab: #"{"a":0,"a":1,"ab":2}"#)),
        Case(name: "merge unknown", code: .badData, mentions: "merges[0]", json: document(merges: #"["a c"]"#)),
        Case(name: "merge result unknown", code: .badData, mentions: "merges[0]", json: document(merges: #"["b a"]"#)),
        Case(name: "merge of one", code: .badData, mentions: "merges[0]", json: document(merges: #"["a"]"#)),
        Case(
            name: "merge of three", code: .badData, mentions: "merges[0]", json: document(merges: #"[["a","b","a"]]"#)),
        Case(name: "merge of numbers", code: .badData, mentions: "merges[0]", json: document(merges: "[[0,1]]")),
        Case(name: "added id taken", code: .badData, mentions: "<x>", json: document(added: added("1", "<x>"))),
        Case(name: "added id negative", code: .badData, mentions: "added", json: document(added: added("-1", "<x>"))),
        Case(name: "added empty", code: .badData, mentions: "added", json: document(added: added("3", ""))),
        Case(name: "catastrophic", code: .unsupported, mentions: "(a+)+$", json: document(pre: split("(a+)+$"))),
        Case(name: "lookbehind", code: .unsupported, mentions: "(?<=a)b", json: document(pre: split("(?<=a)b"))),
        Case(name: "invalid", code: .unsupported, mentions: "(((", json: document(pre: split("((("))),
        Case(
            name: "regex over 64 KB", code: .unsupported, mentions: "aaaa",
            json: document(pre: split(String(repeating: "a", count: 70000)))),
        Case(name: "normalizer", code: .unsupported, mentions: "Odd", json: document(normalizer: #"{"type":"Odd"}"#)),
        Case(name: "pre-tokenizer", code: .unsupported, mentions: "Odd", json: document(pre: #"{"type":"Odd"}"#)),
        Case(name: "decoder", code: .unsupported, mentions: "Odd", json: document(decoder: #"{"type":"Odd"}"#)),
        Case(name: "post-processor", code: .unsupported, mentions: "Odd", json: document(post: #"{"type":"Odd"}"#)),
        Case(
            name: "precompiled map", code: .badData, mentions: "Precompiled",
            json: document(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"!!"}"#)),
        Case(
            name: "nested 10000 deep", code: .badData, mentions: "nest",
            json: document(
                normalizer: String(repeating: #"{"type":"Sequence","normalizers":["#, count: 10000) + "null"
                    + String(repeating: "]}", count: 10000))),
        Case(
            name: "300 splitters", code: .unsupported, mentions: "too many",
            json: document(
                pre: #"{"type":"Sequence","pretokenizers":["#
                    + String(repeating: #"{"type":"Digits"},"#, count: 300) + #"{"type":"ByteLevel"}]}"#)),
        Case(
            name: "a token of 70000 bytes", code: .unsupported, mentions: "65535",
            json: document(vocab: #"{"a":0,"b":1,"ab":2,"\#(String(repeating: "a", count: 70000))":3}"#)),
        Case(name: "Unigram", code: .unsupported, mentions: "Unigram", json: document(type: "Unigram")),
        Case(name: "WordPiece", code: .unsupported, mentions: "WordPiece", json: document(type: "WordPiece")),
        Case(name: "no JSON", code: .badData, mentions: "JSON", json: "{"),
        Case(name: "empty", code: .badData, mentions: "empty", json: ""),
    ]

    @Test(arguments: cases)
    func givesAClearError(_ item: Case) {
        do throws(TaperError) {
            let json = try JSONValue.parse(Array(item.json.utf8), place: "tokenizer.json")
            _ = try Tokenizer(tokenizerJSON: json, place: "tokenizer.json")
            Issue.record("accepted")
        } catch {
            #expect(error.code == item.code, "\(error.message)")
            #expect(error.message.contains("tokenizer.json"), "\(error.message)")
            #expect(item.mentions.isEmpty || error.message.contains(item.mentions), "\(error.message)")
            #expect(error.message.utf8.count < 2000)
        }
    }

    private func tokenizer(_ text: String) throws(TaperError) -> Tokenizer {
        try Tokenizer(tokenizerJSON: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
    }

    @Test func mergesMayBePairs() throws {
        let strings = try tokenizer(Self.document())
        let pairs = try tokenizer(Self.document(merges: #"[["a","b"]]"#))
        #expect(strings.compact() == pairs.compact())
        #expect(try pairs.encode("ab") == [2])
    }

    /// A character outside the byte alphabet makes an odd token, which no text reaches.
    @Test func oddTokensDoNoHarm() throws {
        let made = try tokenizer(Self.document(vocab: "{\"a\":0,\"b\":1,\"ab\":2,\"\u{4e00}\":3}"))
        #expect(try made.encode("abab") == [2, 2])
        #expect(made.decode([2, 3]).hasPrefix("ab"))
    }

    /// Half a surrogate pair is no character, and json-c would cut a key at NUL.
    @Test(arguments: [#"\ud800"#, #"\u0000"#]) func tokensThatAreNoTextAreRefused(token: String) {
        #expect(throws: TaperError(.badData, "")) {
            try tokenizer(Self.document(vocab: #"{"a":0,"b":1,"ab":2,"\#(token)":3}"#))
        }
    }

    @Test func idsOutsideTheVocabularyStandForNothing() throws {
        let made = try tokenizer(Self.document())
        #expect(made.decode([-1, 2, 3, Int.max, Int.min]) == "ab")
        #expect(!made.isSpecial(-1))
        #expect(made.bytes(of: 99).isEmpty)
    }

    @Test(arguments: ["\0", "\u{ffff}", "\u{202e}שלום", "\u{200d}\u{200d}", "👩‍👩‍👧", "\r\n\u{85}\u{2028}"])
    func unusualTextSurvives(text: String) throws {
        for name in ["gpt2", "llama3", "smollm-digits"] {
            let made = try Fixtures.tokenizer(name)
            #expect(Array(made.decode(try made.encode(text)).utf8) == Array(text.utf8))
        }
    }

    @Test func compactFormsWithHugeTokensAreRefused() throws {
        var writer = ByteWriter()
        writer.u32(0x4b54_5054)
        writer.u32(1)
        for _ in 0..<4 { writer.u8(0) }
        for _ in 0..<3 { writer.u32(.max) }
        writer.u8(0)
        writer.u8(0)
        writer.u32(1 << 17)
        writer.u32(0)
        // 2^17 tokens of 65535 bytes: beyond 32-bit offsets.
        writer.raw([UInt8](repeating: 0xff, count: 2 << 17))
        writer.raw([UInt8](repeating: 0, count: 1 << 17))
        #expect(throws: TaperError(.badData, "")) { try Tokenizer(compact: writer.bytes, place: "t") }
    }

    /// Whatever puts bytes into a text or cuts it must leave characters whole: the next step reads characters.
    @Test(
        arguments: [
            ("an added token", [], [0xc3]),
            // The strings of "a" and "b" are the halves of one character.
            ("a string of a character map", [5, 2, 0, 0, 0, 0x61, 0, 0, 0, 0x62, 0, 0, 0, 1, 1, 0xc3, 0xa9], []),
            ("replacement table", [6, 6, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0], []),
        ] as [(String, [UInt8], [UInt8])])
    func halvesOfCharactersAreRefused(_ part: String, _ normalizer: [UInt8], _ added: [UInt8]) throws {
        func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        // Version 2 of kind 1, one step that splits words, one unknown token "?".
        var compact = Array("TPTK".utf8) + bytes(2) + [1, 0, normalizer.isEmpty ? 0 : 1] + normalizer + [1, 1, 0]
        compact += bytes(.max) + bytes(.max) + bytes(0) + [0, 0] + bytes(1) + bytes(0) + bytes(added.isEmpty ? 0 : 1)
        compact += [1, 0, 0, 0x3f]
        if !added.isEmpty { compact += bytes(0) + [0, UInt8(added.count), 0] + added }
        do {
            _ = try Tokenizer(compact: compact, place: "test").encode("ab \u{e9}")
            Issue.record("read")
        } catch let error as TaperError {
            #expect(error.code == .badData && error.message.contains(part), "\(error.message)")
        }
    }
}
