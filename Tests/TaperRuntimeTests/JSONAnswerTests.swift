import Foundation
import TaperRuntime
import Testing

/// Answers that are to be JSON parse, whatever the model would have liked to write.
@Suite struct JSONAnswerTests {
    private static func parses(_ bytes: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) is [String: Any]
    }

    /// What becomes of a text; nil where it is refused.
    private static func progress(_ text: String) -> JSONProgress? {
        var progress = JSONProgress()
        for byte in text.utf8 where !progress.take(byte) { return nil }
        return progress
    }

    @Test(arguments: [
        "{}", "{ }", "{\"a\":1}", " {\"a\": [1, -0.5e+10, true, false, null, \"x\", {}, []]}", "{\"\":{\"b\":[[[]]]}}",
        "{\n  \"a\": \"é€😀\",\n  \"b\": \"\\u00e9\\ud83d\\ude00\\n\\\\\\\"\\/\"\n}", "{\"a\":[0,0.0,10,1E5,1e-9]}",
        "{\"a\":\"\\uDBFF\\uDFFF\\u0001\\uD7FF\\uE000\"}",
    ]) func objectsAreAccepted(_ text: String) throws {
        #expect(try #require(Self.progress(text)).isDone)
        #expect(Self.parses(Array(text.utf8)))
    }

    @Test(arguments: [
        "[", "1", "\"", "\n", "  ", "{,", "{1", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":[1,]", "{\"a\":01",
        "{\"a\":-a",
        "{\"a\":1.}", "{\"a\":.", "{\"a\":+", "{\"a\":1e}", "{\"a\":tru,", "{\"a\":nul}", "{\"a\":\"\n",
        "{\"a\":\"\\x",
        "{\"a\":\"\\u00g", "{\"a\":\"\\u0000", "{\"a\":\"\\udc", "{\"a\":\"\\ud800\"", "{\"a\":\"\\ud800\\n",
        "{\"a\":\"\\ud800\\u0", "{\"a\":\"\\ud800\\ud8", "{\"a\":[}", "{\"a\":{]", "{}}", "{} ", "{\n\n", "{\"a\":N",
        "{\"a\":1234567890123456", "{\"a\":1e100", "{\"a\" 1", "{'", "{\"a\":\"\u{1}",
    ]) func whatIsNoneIsRefused(_ text: String) {
        #expect(Self.progress(text) == nil)
        // Everything before the last character is fine.
        #expect(Self.progress(String(text.dropLast())) != nil)
    }

    @Test func boundsHold() {
        let deep = String(repeating: "{\"a\":[", count: 30)
        #expect(Self.progress(deep)?.depth == 60 && Self.progress(deep + "[") == nil)
        let closed = deep + String(repeating: "]}", count: 30)
        #expect(Self.progress(closed)?.isDone == true && Self.parses(Array(closed.utf8)))
        #expect(Self.progress("{\n" + String(repeating: " ", count: 31)) != nil)
        #expect(Self.progress("{\n" + String(repeating: " ", count: 32)) == nil)
        for bytes: [UInt8] in [
            [0x80], [0xc0], [0xc3, 0x28], [0xe0, 0x80], [0xed, 0xa0], [0xf0, 0x80], [0xf4, 0x90], [0xf5],
        ] {
            var progress = Self.progress("{\"") ?? JSONProgress()
            var accepted = true
            for byte in bytes where accepted { accepted = progress.take(byte) }
            #expect(!accepted, "\(bytes)")
        }
    }

    /// Byte-level pieces, which cut characters anywhere, and SentencePiece's, which have spaces in front and single bytes.
    private static let vocabularies: [[[UInt8]]] = {
        let single = (0..<256).map { [UInt8($0)] }
        let marks = [
            "\"}", "\"]", "},", "{\"", "\":", "\",", "\": \"", "\",\n", "}}", "]}", "}}}}", "]]", "[[", "[{", "{{",
            "\\u",
            "\\n", "\\\"", "d8", "D83D", "dc00", "\\ud83d", "\\ude00", "true", "false", "null", "tr", "ue", "12", "0.",
            "e+",
            "-", ", ", ": ", "\n", "  ", "    ", "\n  ", "[]", "{}", "}\n", "\"\"", "},{\"",
        ].map { Array($0.utf8) }
        let words = ["name", "value", "Noah", "ark", "é", "ß", "日本", "😀", "naïve", "a b"].map { Array($0.utf8) }
        let emoji = Array("😀".utf8)
        let cut: [[UInt8]] = [
            Array(emoji[..<2]), Array(emoji[2...]), Array(emoji[1...]), Array("é".utf8.dropLast()) + [0x22],
        ]
        let spaced = (marks + words).map { [0x20] + $0 }
        return [single + marks + words + cut, single + marks + words + spaced + [[]]]
    }()

    /// A token of the set: of structure as often as of all, and after a while what ends things.
    private static func draw(_ set: JSONVocabulary.TokenSet, _ count: Int, steps: Int, _ random: inout SplitMix) -> Int
    {
        func isAllowed(_ token: Int) -> Bool { set[token / 64] >> UInt64(token % 64) & 1 == 1 }
        if steps > 25, let end = [0x22, 0x7d, 0x5d].first(where: isAllowed) { return end }
        let first = random.next() % 2 == 0 ? 256 : 0
        for _ in 0..<300 {
            let token = first + Int(random.next() % UInt64(count - first))
            if isAllowed(token) { return token }
        }
        return (0..<count).first(where: isAllowed) ?? 0
    }

    @Test(arguments: vocabularies.indices) func tenThousandRandomWalksParse(_ index: Int) {
        let vocabulary = JSONVocabulary(Self.vocabularies[index])
        var random = SplitMix(state: UInt64(7 + index))
        var (endless, wrong, longest) = (0, 0, 0)
        for _ in 0..<10_000 {
            var progress = JSONProgress()
            var bytes: [UInt8] = []
            var steps = 0
            while !progress.isDone && steps < 400 {
                let set = vocabulary.tokens(after: progress)
                let token = Self.draw(set, vocabulary.count, steps: steps, &random)
                if !vocabulary.advance(&progress, by: token) {
                    wrong += 1
                    break
                }
                bytes += Self.vocabularies[index][token]
                steps += 1
            }
            longest = max(longest, bytes.count)
            if !progress.isDone { endless += 1 } else if !Self.parses(bytes) { wrong += 1 }
        }
        #expect(wrong == 0 && endless == 0 && longest > 100)
    }

    /// Sets are kept by class: that of a class is that of each of its members.
    @Test func setsAreWhatTakingTheTokensSays() {
        let vocabulary = JSONVocabulary(Self.vocabularies[0])
        var random = SplitMix(state: 5)
        var checked = 0
        for _ in 0..<8 {
            var progress = JSONProgress()
            for _ in 0..<120 where !progress.isDone {
                let set = vocabulary.tokens(after: progress)
                var allowed: [Int] = []
                for token in 0..<vocabulary.count {
                    var next = progress
                    let isAllowed = vocabulary.advance(&next, by: token)
                    #expect(isAllowed == (set[token / 64] >> UInt64(token % 64) & 1 == 1))
                    if isAllowed { allowed.append(token) }
                    checked += 1
                }
                // Deep into objects and arrays, to the bound.
                let opening = allowed.filter { Self.vocabularies[0][$0].contains { $0 | 0x20 == 0x7b } }
                guard let token = (opening.isEmpty ? allowed : opening).randomElement(using: &random) else { break }
                _ = vocabulary.advance(&progress, by: token)
            }
        }
        #expect(checked > 30_000)
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test func answersOfAModelParse() async throws {
        let model = try await SampleBundle.model()
        var ends: [String: Int] = [:]
        for seed in 0..<40 {
            var options = AnswerOptions(
                maxTokens: 150,
                sampling: Sampling(temperature: 1.5, topK: seed % 2 * 40, topP: 0.95, minP: 0, seed: UInt64(seed)),
                precision: .switching([SwitchPoint(6, atStep: 0), SwitchPoint(3, atStep: 8)]))
            options.format = .json
            options.sampling.logitBias = [try #require(model.tokenizer.token(spelled: "}")): 4]
            let stream = model.stream("Who was Noah? Answer in JSON.", options: options)
            var text = ""
            for try await piece in stream { text += piece.text }
            let answer = try await stream.answer()
            #expect(text == answer.text)
            if answer.end == .model { #expect(Self.parses(Array(answer.text.utf8)), "\(answer.text)") }
            ends["\(answer.end)", default: 0] += 1
            #expect(try await model.answer("Who was Noah? Answer in JSON.", options: options).text == text)
        }
        #expect(ends["model", default: 0] > 5 && ends.keys.allSatisfy { $0 == "model" || $0 == "length" }, "\(ends)")
    }

    /// Drafts are held to the form as the answer is, and what is rejected leaves no trace in it.
    @Test func draftedAnswersAreThePlainOnes() async throws {
        let model = try await SampleBundle.model()
        var (drafted, accepted, whole) = (0, 0, 0)
        for seed in 0..<24 {
            var options = AnswerOptions(
                maxTokens: 150, sampling: Sampling(temperature: [0, 0.7, 1.5][seed % 3], seed: UInt64(seed)),
                precision: seed % 2 == 0
                    ? .fixed(6) : .switching([SwitchPoint(6, atStep: 0), SwitchPoint(4, atStep: 20)]))
            options.format = .json
            options.sampling.logitBias = [try #require(model.tokenizer.token(spelled: "}")): 4]
            let plain = try await model.answer("Who was Noah? Answer in JSON.", options: options)
            options.draft = [2, 3][seed / 2 % 2]
            let answer = try await model.answer("Who was Noah? Answer in JSON.", options: options)
            #expect(answer.tokens == plain.tokens && answer.text == plain.text && answer.end == plain.end)
            #expect(answer.precisions == plain.precisions)
            if answer.end == .model {
                whole += 1
                #expect(Self.parses(Array(answer.text.utf8)), "\(answer.text)")
            }
            drafted += answer.draftedTokenCount
            accepted += answer.acceptedTokenCount
        }
        #expect(accepted > 0 && drafted > accepted && whole > 3)
    }

    @Test func whatLeavesNoTokenIsAnError() async throws {
        let model = try await SampleBundle.model()
        var options = AnswerOptions(maxTokens: 5)
        options.format = .json
        for token in 0..<model.tokenizer.vocabularySize where model.tokenizer.decode([token]).contains("{") {
            options.sampling.logitBias[token] = -.infinity
        }
        let error = await #expect(throws: TaperError.self) { try await model.answer("Who?", options: options) }
        #expect(error?.code == .invalidArgument && error?.place == "format")
        options.sampling.logitBias = [:]
        #expect(try await model.answer("Who?", options: options).text.drop { $0 == " " }.hasPrefix("{"))
    }
}
