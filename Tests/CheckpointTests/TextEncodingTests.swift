import Checkpoint
import Foundation
import Model
import Storage
import Testing

/// JSON files of a checkpoint whose text is not what a reader of C strings would take it for.
@Suite struct TextEncodingTests {
    private static let cases =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .path + "/Cases/"

    @Test func aByteOrderMarkBeforeAnyFileIsSkipped() throws {
        let directory = try ScratchDirectory()
        try TinyModel().write(to: directory)
        try directory.write("{\"eos_token_id\":5}", to: "generation_config.json")
        try directory.write("{\"chat_template\":\"x\"}", to: "tokenizer_config.json")
        let plain = try Checkpoint.open(directory.path)
        for name in ["config.json", "generation_config.json", "tokenizer_config.json"] {
            let bytes = try Files.read(directory.path + "/" + name, limit: 1 << 20)
            try directory.write([0xef, 0xbb, 0xbf] + bytes, to: name)
        }
        let marked = try Checkpoint.open(directory.path)
        #expect(marked.config == plain.config)
        #expect(marked.config.eosTokens.contains(5) && marked.chatTemplates.standard == "x")
    }

    @Test func utf16IsNamed() throws {
        let directory = try ScratchDirectory()
        try TinyModel().write(to: directory)
        try directory.write([0xff, 0xfe, 0x7b, 0, 0x7d, 0], to: "generation_config.json")
        expectFailure(.badData, ["generation_config.json", "byte order mark of UTF-16"]) {
            _ = try Checkpoint.open(directory.path)
        }
        try directory.write([0xff, 0xfe, 0x7b, 0, 0x7d, 0], to: "config.json")
        expectFailure(.badData, ["config.json", "byte order mark of UTF-16"]) {
            _ = try Checkpoint.open(directory.path)
        }
    }

    /// A key that is "hidden_size" only up to a NUL; Python's json reads the whole key, so there is no hidden size.
    @Test func aKeyIsNotCutAtNul() throws {
        expectFailure(.badData, ["config.json", "NUL"]) {
            _ = try Checkpoint.open(Self.cases + "config-key-with-nul")
        }
    }

    /// The `tokenizers` library 0.23.3 refuses the file as well ("unexpected end of hex escape").
    @Test func aTokenThatIsHalfASurrogatePairIsRefused() throws {
        expectFailure(.badData, ["tokenizer.json", "half of a surrogate pair"]) {
            _ = try Checkpoint.tokenizer(file: Self.cases + "vocab-lone-surrogate/tokenizer.json")
        }
    }

    @Test func aTokenizerOfTooManyValuesIsRefusedBeforeItIsParsed() throws {
        let directory = try ScratchDirectory()
        let path = try directory.write(
            "[" + String(repeating: "{},", count: 2_000_000) + "0]", to: "tokenizer.json")
        expectFailure(.badData, ["tokenizer.json", "too many values"]) { _ = try Checkpoint.tokenizer(file: path) }
    }
}
