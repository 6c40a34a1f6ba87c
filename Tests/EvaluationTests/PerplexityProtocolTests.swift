import Evaluation
import Storage
import Testing
import Text

@Suite struct PerplexityProtocolTests {
    private let text = "abcdefghij"

    /// A token for every byte, and one that stands before every text when asked for.
    private func tokenizer(addsBos: Bool) throws -> Tokenizer {
        let digits: [String] = "0123456789ABCDEF".map { String($0) }
        let bytes = (0..<256).map { "<0x\(digits[$0 / 16])\(digits[$0 % 16])>" }
        let vocabulary = GGUFVocabulary(
            model: "llama", pre: "default", tokens: ["<unk>", "<s>", "</s>"] + bytes,
            scores: [Float](repeating: 0, count: 259),
            types: [2, 3, 3] + [Int](repeating: 6, count: 256), merges: [], bos: 1, eos: 2, unk: 0, addBos: addsBos,
            addEos: false, addSpacePrefix: false)
        return try Tokenizer(vocabulary: vocabulary, place: "test")
    }

    private func letters(_ window: PerplexityProtocol.Window) -> String {
        String(decoding: window.tokens.map { $0 == 1 ? UInt8(ascii: "^") : UInt8($0 - 3) }, as: UTF8.self)
    }

    private func cut(_ rule: PerplexityProtocol, addsBos: Bool) throws -> [(text: String, firstPredicted: Int)] {
        try rule.windows(of: text, tokenizer: try tokenizer(addsBos: addsBos), place: "test")
            .map { (letters($0), $0.firstPredicted) }
    }

    @Test func windowsFollowEachOther() throws {
        let windows = try cut(PerplexityProtocol(window: 4), addsBos: false)
        #expect(windows.map(\.text) == ["abcd", "efgh"])
        #expect(windows.map(\.firstPredicted) == [1, 1])
    }

    /// As llama.cpp cuts them: the token before the text counts as the text's first, and in every window takes its first place.
    @Test func everyWindowBeginsAsATextDoes() throws {
        let windows = try cut(PerplexityProtocol(window: 4), addsBos: true)
        #expect(windows.map(\.text) == ["^abc", "^efg"])
        #expect(windows.map(\.firstPredicted) == [1, 1])
    }

    @Test func overlappingWindowsPredictEveryTokenOnce() throws {
        let windows = try cut(PerplexityProtocol(window: 4, stride: 2), addsBos: true)
        #expect(windows.map(\.text) == ["^abc", "^cde", "^efg", "^ghi"])
        let predicted = windows.map { $0.text.dropFirst($0.firstPredicted) }.joined()
        #expect(predicted == "abcdefghi")
    }

    @Test func aWindowWithoutRoomForTextIsRefused() throws {
        #expect(throws: TaperError.self) { try cut(PerplexityProtocol(window: 12), addsBos: true) }
        let rule = PerplexityProtocol(window: 2)
        #expect(try cut(rule, addsBos: true).map(\.text) == ["^a", "^c", "^e", "^g", "^i"])
    }

    @Test func reportsSayHowWindowsBegin() {
        let rule = PerplexityProtocol(window: 4)
        let windows = [PerplexityProtocol.Window(tokens: [0, 1, 2, 3], firstPredicted: 1)]
        let (bare, begun) = (
            PerplexityProtocol.Extent(windows, addsSpecial: false),
            PerplexityProtocol.Extent(windows, addsSpecial: true)
        )
        #expect(rule.json(begun)["add_special_tokens"]?.bool == true)
        #expect(rule.json(bare)["add_special_tokens"]?.bool == false)
        #expect(rule.json(bare)["predicted_tokens"]?.integer == 3)
        #expect(rule.text(begun).contains("begins") && !rule.text(bare).contains("begins"))
    }
}
