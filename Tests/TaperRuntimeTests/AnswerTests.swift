import TaperRuntime
import Testing

/// Answers of the library are those of the runner, byte for byte.
@Suite struct AnswerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let flags: [String]
        var prompt: Prompt = "Who was Noah?"
        let options: AnswerOptions
        var testDescription: String { flags.joined(separator: " ") }
    }

    static let cases: [Case] = {
        var drawn = Sampling(temperature: 1.2, topK: 30, topP: 0.9, minP: 0.02, seed: 7)
        drawn.repeatPenalty = 1.1
        drawn.frequencyPenalty = 0.2
        var endless = AnswerOptions(maxTokens: 60)
        endless.ignoresEnd = true
        // What is drafted changes nothing: the runner's flags are those of plain steps.
        var drafted = AnswerOptions()
        drafted.draft = 3
        var draftedDraws = AnswerOptions(sampling: drawn)
        draftedDraws.draft = 2
        draftedDraws.logProbabilities = 2
        return [
            Case(flags: [], options: AnswerOptions()),
            Case(flags: ["--bits", "3", "-n", "20"], options: AnswerOptions(maxTokens: 20, precision: .fixed(3))),
            Case(
                flags: ["--switch", "6@0,4@8,3@16"],
                options: AnswerOptions(
                    precision: .switching([
                        SwitchPoint(6, atStep: 0), SwitchPoint(4, atStep: 8), SwitchPoint(3, atStep: 16),
                    ]))),
            Case(
                flags: ["--schedule", "static:answer", "--bits-prefill", "3"],
                options: AnswerOptions(precision: .schedule("answer"), prefill: 3)),
            // As answers name it themselves.
            Case(
                flags: ["--schedule", "static:answer"],
                options: AnswerOptions(precision: .schedule("static:answer"))),
            Case(
                flags: [
                    "--temp", "1.2", "--top-k", "30", "--top-p", "0.9", "--min-p", "0.02", "-s", "7",
                    "--repeat-penalty",
                    "1.1", "--frequency-penalty", "0.2",
                ], options: AnswerOptions(sampling: drawn)),
            Case(flags: [], options: drafted),
            Case(
                flags: [
                    "--temp", "1.2", "--top-k", "30", "--top-p", "0.9", "--min-p", "0.02", "-s", "7",
                    "--repeat-penalty",
                    "1.1", "--frequency-penalty", "0.2",
                ], options: draftedDraws),
            Case(flags: ["-r", "took his"], options: AnswerOptions(stops: ["took his"])),
            Case(flags: ["--ignore-eos", "-n", "60"], options: endless),
            Case(
                flags: ["-no-cnv", "-n", "30"], prompt: .text("Who was Noah?"), options: AnswerOptions(maxTokens: 30)),
        ]
    }()

    @Test(arguments: cases) func wholeAnswersAreTheRunners(_ test: Case) async throws {
        let model = try await SampleBundle.model()
        let answer = try await model.answer(test.prompt, options: test.options)
        let report = try Runner.report(["-m", model.facts.path, "-p", "Who was Noah?"] + test.flags)
        #expect(answer.text == report.text)
        #expect(answer.tokens == report.tokens)
        #expect(answer.precisions.map(\.bits) == report.bits)
        #expect(answer.schedule.name == report.schedule)
    }

    @Test(arguments: cases) func piecesMakeTheAnswer(_ test: Case) async throws {
        let model = try await SampleBundle.model()
        let stream = model.stream(test.prompt, options: test.options)
        var pieces: [AnswerPiece] = []
        for try await piece in stream { pieces.append(piece) }
        let answer = try await stream.answer()
        #expect(pieces.map(\.text).joined() == answer.text)
        #expect(pieces.compactMap(\.token) == answer.tokens)
        // Whoever passes pieces on together waits for nothing behind the last.
        #expect(pieces.last.map(\.isFollowed) != true)
        #expect(abs((pieces.last?.averageBits ?? 0) - answer.averageBits) < 0.2)
        let printed = try Runner.output(["-q", "-m", model.facts.path, "-p", "Who was Noah?"] + test.flags)
        #expect(answer.text + (answer.text.hasSuffix("\n") ? "" : "\n") == printed)
    }

    @Test func answersAtOnceAreWhatEachIsAlone() async throws {
        let model = try await SampleBundle.model()
        var alone: [[Int]] = []
        for test in Self.cases { alone.append(try await model.answer(test.prompt, options: test.options).tokens) }
        var options = LanguageModel.Options()
        options.answersAtOnce = 3
        let crowded = try await SampleBundle.model(options)
        let together = try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
            for (index, test) in Self.cases.enumerated() {
                group.addTask { (index, try await crowded.answer(test.prompt, options: test.options).tokens) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(together == Dictionary(uniqueKeysWithValues: alone.enumerated().map { ($0.offset, $0.element) }))
    }

    @Test func endsSayWhyAnAnswerEnded() async throws {
        let model = try await SampleBundle.model(.init(contextLength: 40))
        #expect(try await model.answer("Who was Adam?", options: .init(maxTokens: 3)).end == .length)
        #expect(try await model.answer("Who was Adam?", options: .init(stops: ["first"])).end == .stopText)
        #expect(try await model.answer("Who was Adam?", options: .init(maxTokens: 0)).tokens.isEmpty)
        var endless = AnswerOptions()
        endless.ignoresEnd = true
        let full = try await model.answer("Who was Adam?", options: endless)
        #expect(full.end == .contextFull && full.promptTokenCount + full.tokens.count == 41)
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func tokensGoBothWays() async throws {
        let tokenizer = try await SampleBundle.model().tokenizer
        let tokens = try tokenizer.encode("In the beginning <|im_end|>")
        #expect(tokenizer.decode(tokens) == "In the beginning <|im_end|>")
        let read = try tokenizer.encode("In the beginning<|im_end|>", readsSpecial: true)
        let end = try #require(tokenizer.token(spelled: "<|im_end|>"))
        #expect(read.last == end && tokenizer.isSpecial(end) && tokenizer.spelling(of: end) == "<|im_end|>")
        #expect(tokenizer.decode(read) == "In the beginning")
        #expect(tokenizer.decode(read, keepsSpecial: true) == "In the beginning<|im_end|>")
        #expect(try tokenizer.count("In the beginning") == read.count - 1)
        #expect(tokenizer.spelling(of: -1) == nil && tokenizer.spelling(of: tokenizer.vocabularySize) == nil)
    }
}
