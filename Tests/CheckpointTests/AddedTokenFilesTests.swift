import Checkpoint
import Foundation
import Storage
import Testing
import Text

/// Added tokens that stand beside tokenizer.json: ids by transformers 5.24, AutoTokenizer.
@Suite struct AddedTokenFilesTests {
    static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        + "/Cases/added-tokens-decoder"

    @Test func tokensOfTheConfigAreMatched() throws {
        let tokenizer = try Checkpoint.open(Self.folder).tokenizer()
        #expect(try tokenizer.encode("hi<|im_end|>the") == [1, 259, 267, 268, 289, 287, 264])
        #expect(tokenizer.isSpecial(289))
        #expect(tokenizer.id(ofToken: "<|im_start|>") == 288)
        #expect(tokenizer.warnings.isEmpty)
    }

    private let directory: ScratchDirectory

    init() throws {
        directory = try ScratchDirectory()
        for name in ["config.json", "model.safetensors", "tokenizer.json"] {
            try directory.write(try Files.read(Self.folder + "/" + name, limit: 1 << 20), to: name)
        }
    }

    private func tokenizer(_ files: [(String, String)]) throws -> Tokenizer {
        for (name, text) in files { try directory.write(text, to: name) }
        return try Checkpoint.open(directory.path).tokenizer()
    }

    private static let end: [Int] = [1, 259, 267, 268, 289, 287, 264]
    private static let quark: [Int] = [1, 287, 264, 259, 84, 280, 260, 277, 270, 259, 268, 278]

    @Test func withoutOtherFilesNothingIsAdded() throws {
        let made = try tokenizer([])
        #expect(made.id(ofToken: "<|im_end|>") == nil)
        #expect(try made.encode("the Quark is") == Self.quark)
    }

    @Test func rulesOfTheConfigAreKept() throws {
        let made = try tokenizer([
            ("tokenizer_config.json", #"{"added_tokens_decoder":{"288":{"content":"Quark","normalized":true}}}"#)
        ])
        #expect(try made.encode("the Quark is") == [1, 287, 264, 288, 259, 268, 278])
        #expect(!made.isSpecial(288))
    }

    /// Attributes first, in their own order, then the lists.
    @Test func attributesAndListsNameTokensInOrder() throws {
        let made = try tokenizer([
            (
                "tokenizer_config.json",
                #"{"additional_special_tokens":["<|im_end|>"],"tool_token":"<tool>","pad_token":{"content":"<pad>"},"bos_token":"<s>"}"#
            )
        ])
        #expect(["<pad>", "<tool>", "<|im_end|>"].map { made.id(ofToken: $0) } == [288, 289, 290])
        #expect([1, 288, 289, 290].allSatisfy { made.isSpecial($0) })
    }

    @Test func namedVersionsOfTheListAreRead() throws {
        let made = try tokenizer([("tokenizer_config.json", #"{"extra_special_tokens":{"tool_token":"<tool>"}}"#)])
        #expect(try made.encode("hi<tool>x") == [1, 259, 267, 268, 288, 259, 283])
    }

    @Test func theMapOfSpecialTokensCountsWithoutTheConfigsTable() throws {
        let map = #"{"additional_special_tokens":["<|im_end|>"],"pad_token":{"content":"<tool>","lstrip":false}}"#
        let made = try tokenizer([("special_tokens_map.json", map)])
        #expect(try made.encode("hi<|im_end|>the") == Self.end)
        #expect(try made.encode("hi<tool>x") == [1, 259, 267, 268, 288, 259, 283])
        let table = #"{"added_tokens_decoder":{"288":{"content":"<|im_start|>","special":true}}}"#
        let other = try tokenizer([("tokenizer_config.json", table)])
        #expect(other.id(ofToken: "<|im_end|>") == nil)
    }

    @Test func theListOfAddedTokensIsRead() throws {
        let made = try tokenizer([
            ("added_tokens.json", #"{"Quark":289,"<|im_end|>":288}"#),
            ("special_tokens_map.json", #"{"eos_token":"<|im_end|>"}"#),
        ])
        #expect(try made.encode("hi<|im_end|>the") == [1, 259, 267, 268, 288, 287, 264])
        #expect(try made.encode("the Quark is") == [1, 287, 264, 289, 259, 268, 278])
        #expect(made.isSpecial(288) && !made.isSpecial(289))
    }

    @Test func laterRulesReplaceEarlierOnes() throws {
        let made = try tokenizer([
            (
                "tokenizer_config.json",
                #"{"added_tokens_decoder":{"0":{"content":"<unk>","normalized":true},"288":{"content":"<|im_end|>","lstrip":true}}}"#
            )
        ])
        #expect(try made.encode("hi <|im_end|>") == [1, 259, 267, 268, 288])
        #expect(try made.encode("a<unk>b") == [1, 259, 260, 63, 280, 273, 270, 65, 261])
    }

    /// transformers gives such a token the next free id, whatever the file says.
    @Test func anIdThatDoesNotFitIsRefused() throws {
        expectFailure(.badData, ["<|im_end|>", "288", "290", "tokenizer_config.json"]) {
            _ = try tokenizer([
                ("tokenizer_config.json", #"{"added_tokens_decoder":{"290":{"content":"<|im_end|>","special":true}}}"#)
            ])
        }
    }

    @Test func aTokenizerLargerThanTheEmbeddingIsRefused() throws {
        let table = (288...292).map { #""\#($0)":{"content":"<\#($0)>","special":true}"# }
        expectFailure(.badData, ["embedding", "292", "293", "<292>"]) {
            _ = try tokenizer([
                ("tokenizer_config.json", "{\"added_tokens_decoder\":{\(table.joined(separator: ","))}}")
            ])
        }
        // Four fit exactly; a smaller tokenizer is fine, and ids without a token are no text.
        let fitting = table.dropLast().joined(separator: ",")
        let made = try tokenizer([
            ("tokenizer_config.json", "{\"added_tokens_decoder\":{\(fitting)},\"pad_token\":\"[PAD]\"}")
        ])
        #expect(made.vocabularySize == 292)
        #expect(made.warnings.count == 1 && made.warnings[0].contains("[PAD]"))
        #expect(made.decode([260, 292, 300]) == "a")
    }

    @Test(arguments: [
        "[]", #"{"added_tokens_decoder":{"x":{"content":"a"}}}"#, #"{"added_tokens_decoder":{"288":{}}}"#,
    ])
    func unusableTablesAreRefused(text: String) {
        expectFailure(.badData, ["tokenizer_config.json"]) { _ = try tokenizer([("tokenizer_config.json", text)]) }
    }
}
