import Foundation
import Storage
import Testing
import Text

/// Tokens that are matched in the text itself.
@Suite struct AddedTokenTests {
    static let cases =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path + "/Cases/"

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let path = cases + name + "/tokenizer.json"
        return try Tokenizer(
            tokenizerJSON: try JSONValue.parse(try Files.read(path, limit: 1 << 20), place: path), place: path)
    }

    /// Ids by tokenizers 0.23.3.
    @Test(arguments: ["added-token-normalized-spm", "added-token-single-word"])
    func rulesOfMatchingAreTheLibrarys(name: String) throws {
        let path = Self.cases + name + "/cases.json"
        let cases = try #require(try JSONValue.parse(try Files.read(path, limit: 1 << 20), place: path)["cases"]?.array)
        #expect(cases.count >= 4)
        for original in [try Self.tokenizer(name)] {
            let copy = try Tokenizer(compact: original.compact(), place: "t")
            for item in cases {
                let text = try #require(item["text"]?.string)
                #expect(try copy.encode(text) == item["ids"]?.array?.compactMap(\.integer), "\(text)")
            }
        }
    }

    /// "!" is the pad token and a byte: ids by tokenizers 0.23.3.
    @Test func aSpecialTokenGoesOnStandingForItsByte() throws {
        let original = try Self.tokenizer("special-token-is-a-byte")
        let copy = try Tokenizer(compact: original.compact(), place: "t")
        for tokenizer in [original, copy] {
            #expect(try tokenizer.encode("hi!") == [256, 0])
            #expect(try tokenizer.encode("hi!", parseSpecial: false) == [256, 0])
            #expect(try tokenizer.encode("hi!!!", parseSpecial: false) == [256, 0, 0, 0])
            #expect(tokenizer.decode([256, 0], skipSpecial: true) == "hi!")
            var decoder = StreamDecoder(tokenizer)
            #expect(decoder.append(256) + decoder.append(0) + decoder.append(257) + decoder.finish() == "hi!")
        }
        // Version 1 holds it, so that older runners read the bundle.
        #expect(original.compact()[4] == 1)
    }

    private func tokenizer(added: String, vocab: String = #"{"a":0,"b":1,"ab":2}"#) throws -> Tokenizer {
        let text = MalformedTokenizerTests.document(vocab: vocab, added: added)
        return try Tokenizer(tokenizerJSON: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
    }

    private func added(_ id: Int, _ content: String, special: Bool = false) -> String {
        #"{"id":\#(id),"content":"\#(content)","special":\#(special),"normalized":false}"#
    }

    /// A match that is then not taken still uses up its text: tokenizers 0.23.3 gives the same.
    @Test func aSpecialTokenThatIsNotParsedHidesShorterOnes() throws {
        let tokenizer = try tokenizer(added: "[" + added(3, "abab", special: true) + "," + added(4, "aba") + "]")
        #expect(try tokenizer.encode("ababab") == [3, 2])
        #expect(try tokenizer.encode("ababab", parseSpecial: false) == [2, 2, 2])
        #expect(try tokenizer.encode("abaab", parseSpecial: false) == [4, 2])
    }

    @Test func anIdThatContradictsTheVocabularyIsRefused() {
        #expect(throws: TaperError(.badData, "")) { try tokenizer(added: "[" + added(3, "ab") + "]") }
        #expect(throws: TaperError(.badData, "")) {
            try tokenizer(added: "[" + added(3, "x") + "," + added(4, "x") + "]")
        }
    }

    /// White space that one token swallows is still searched for the next, as tokenizers 0.23.3 does.
    @Test func swallowedWhiteSpaceIsMatchedAgain() throws {
        let tokenizer = try tokenizer(
            added: #"[{"id":3,"content":"<x>","rstrip":true,"special":true},{"id":4,"content":"  ","special":true}]"#)
        #expect(try tokenizer.encode("a<x>    b") == [0, 3, 4, 4, 1])
        #expect(try tokenizer.encode("a  b") == [0, 4, 1])
    }
}
