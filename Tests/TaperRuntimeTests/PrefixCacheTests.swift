import Foundation
import TaperRuntime
import Testing

/// A prompt that begins like another reads only the rest, and its answer is bit for bit what it would be anew.
@Suite struct PrefixCacheTests {
    /// Log probabilities show the last bit of every logit.
    private struct Outcome: Equatable {
        let text: String
        let tokens: [Int]
        let precisions: [Precision]
        let logProbabilities: [TokenLogProbability]

        init(_ answer: Answer) {
            text = answer.text
            tokens = answer.tokens
            precisions = answer.precisions
            logProbabilities = answer.logProbabilities
        }
    }

    private static let beginning = String(
        repeating: "In the beginning God created the heaven and the earth. ", count: 6)

    private static func options(_ precision: PrecisionChoice, prefill: Precision? = nil, _ count: Int = 24)
        -> AnswerOptions
    {
        var options = AnswerOptions(
            maxTokens: count, sampling: Sampling(temperature: 0.9, topK: 0, topP: 0.9, minP: 0, seed: 3),
            precision: precision, prefill: prefill)
        options.sampling.repeatPenalty = 1.2
        options.sampling.repeatLastN = 256
        options.logProbabilities = 5
        return options
    }

    private func anew() async throws -> LanguageModel {
        var options = LanguageModel.Options()
        options.cachedTokens = 0
        return try await SampleBundle.model(options)
    }

    static let precisions: [(PrecisionChoice, Precision?)] = [
        (.fixed(4), nil), (.fixed(4), 4), (.highest, nil), (.schedule("answer"), nil), (.fixed(2), 3),
        (.switching([SwitchPoint(6, atStep: 0), SwitchPoint(4, atStep: 5), SwitchPoint(2, atStep: 9)]), 6),
    ]

    @Test(arguments: precisions.indices) func answersAreWhatTheyAreAnew(_ index: Int) async throws {
        let (precision, prefill) = Self.precisions[index]
        let (model, anew) = (try await SampleBundle.model(), try await anew())
        let options = Self.options(precision, prefill: prefill)
        let highest = try #require(model.facts.precisions.last)
        // Something else was read before at this and at another precision.
        _ = try await model.answer(.text(Self.beginning + "And"), options: options)
        _ = try await model.answer(.text(Self.beginning + "And"), options: Self.options(.fixed(2), prefill: 2))
        _ = try await model.answer(.text(Self.beginning + "And"), options: Self.options(.fixed(highest)))
        for end in ["And God said", "Now the earth", "And"] {
            let prompt = Prompt.text(Self.beginning + end)
            let (answer, alone) = (
                try await model.answer(prompt, options: options), try await anew.answer(prompt, options: options)
            )
            #expect(Outcome(answer) == Outcome(alone))
            #expect(alone.reusedPromptTokenCount == 0 && answer.reusedPromptTokenCount > 40)
            #expect(answer.promptTokenCount + answer.reusedPromptTokenCount == alone.promptTokenCount)
        }
    }

    /// A rung reads some layers at one precision and some at another: still one precision of the prompt.
    @Test func rungsAreSharedAmongEachOther() async throws {
        let path = SampleBundle.root.appendingPathComponent("formats/golden/families/qwen2-rung.taper").path
        var options = LanguageModel.Options()
        let model = try LanguageModel(path: path, options: options)
        options.cachedTokens = 0
        let anew = try LanguageModel(path: path, options: options)
        let rung = try #require(model.facts.precisions.first { $0.bits != $0.bits.rounded() })
        let others = model.facts.precisions.filter { $0 != rung }
        let beginning = (0..<40).map { $0 * 7 % model.facts.vocabularySize }
        for (end, isFirst) in [([1], true), ([2, 3], false), ([4], false)] {
            let prompt = Prompt.tokens(beginning + end)
            let settings = Self.options(.fixed(rung), prefill: rung, 8)
            let (answer, alone) = (
                try await model.answer(prompt, options: settings), try await anew.answer(prompt, options: settings)
            )
            #expect(Outcome(answer) == Outcome(alone) && alone.reusedPromptTokenCount == 0)
            #expect(answer.reusedPromptTokenCount == (isFirst ? 0 : 40))
        }
        // Nor is anything of it taken for a whole precision.
        for other in others {
            let answer = try await model.answer(
                .tokens(beginning + [5]), options: Self.options(.fixed(other), prefill: other, 1))
            #expect(answer.reusedPromptTokenCount == 0)
        }
    }

    /// Several answers to one prompt: whoever comes while it is read waits and goes on from there.
    @Test func aPromptThatComesSeveralTimesAtOnceIsReadOnce() async throws {
        let (model, anew) = (try await SampleBundle.model(), try await anew())
        let requests = (0..<4).map { number in
            var options = Self.options(.fixed(4))
            options.sampling.seed = UInt64(number)
            return (prompt: Prompt.text(Self.beginning), options: options)
        }
        let streams = try model.streams(requests)
        var read: [Int] = []
        for (request, stream) in zip(requests, streams) {
            let answer = try await stream.answer()
            #expect(try await Outcome(anew.answer(request.prompt, options: request.options)) == Outcome(answer))
            read.append(answer.promptTokenCount)
        }
        // The last token's logits are wanted by all.
        #expect(read[0] > 60 && read[1...] == [1, 1, 1])
        #expect(model.activity.promptTokens == read[0] + 3)
    }

    @Test func anotherPrecisionReadsAnew() async throws {
        let model = try await SampleBundle.model()
        let prompt = Prompt.text(Self.beginning)
        _ = try await model.answer(prompt, options: Self.options(.fixed(2), prefill: 6))
        let lower = try await model.answer(prompt, options: Self.options(.fixed(2), prefill: 4))
        #expect(lower.reusedPromptTokenCount == 0)
        #expect(try await anew().answer(prompt, options: Self.options(.fixed(2), prefill: 4)).tokens == lower.tokens)
        // The answer at 2 bits is no part of what a prompt at 6 has in common with it.
        let longer = Prompt.tokens(
            try model.tokenizer.encode(Self.beginning, addsSpecial: true, readsSpecial: true) + lower.tokens)
        let again = try await model.answer(longer, options: Self.options(.fixed(2), prefill: 6))
        #expect(again.promptTokenCount >= lower.tokens.count)
        #expect(
            try await Outcome(anew().answer(longer, options: Self.options(.fixed(2), prefill: 6))) == Outcome(again))
    }

    /// What a client sends of a conversation each time: all of it.
    @Test func conversationsThatAreSentWholeReadWhatIsNew() async throws {
        let (model, anew) = (try await SampleBundle.model(), try await anew())
        var messages = [Message(.system, "Be brief, and tell of " + Self.beginning)]
        var read: [Int] = []
        for question in ConversationTests.questions {
            messages.append(Message(.user, question))
            // One precision throughout: the answer's own positions are of use as well.
            let options = Self.options(.fixed(6), prefill: 6, 12)
            let answer = try await model.answer(.messages(messages), options: options)
            #expect(try await Outcome(anew.answer(.messages(messages), options: options)) == Outcome(answer))
            messages.append(Message(.assistant, answer.text))
            read.append(answer.promptTokenCount)
        }
        #expect(read[1] < 40 && read[2] < 40 && read[0] > 60)
    }

    /// Of drafts that were rejected nothing is left where later prompts would take it for the text.
    @Test func draftedAnswersAreReusedAsPlainOnesAre() async throws {
        let (model, anew) = (try await SampleBundle.model(), try await anew())
        var messages = [Message(.system, "Be brief, and tell of " + Self.beginning)]
        var (drafted, accepted) = (0, 0)
        for question in ConversationTests.questions + ["And then?"] {
            messages.append(Message(.user, question))
            var options = Self.options(.fixed(6), prefill: 6, 40)
            options.ignoresEnd = true
            let plain = try await anew.answer(.messages(messages), options: options)
            options.draft = 2
            let answer = try await model.answer(.messages(messages), options: options)
            #expect(Outcome(answer) == Outcome(plain))
            if messages.count > 2 { #expect(answer.reusedPromptTokenCount > 60 && answer.promptTokenCount < 60) }
            messages.append(Message(.assistant, answer.text))
            drafted += answer.draftedTokenCount
            accepted += answer.acceptedTokenCount
        }
        #expect(drafted > accepted && accepted > 0)
    }

    /// Prompts that come at once share what the first has read, and cancelled answers leave nothing wrong behind.
    @Test func answersAtWorkAndCancelledOnesAreShared() async throws {
        var limits = LanguageModel.Options()
        limits.answersAtOnce = 3
        let (model, anew) = (try await SampleBundle.model(limits), try await anew())
        let options = Self.options(.switching([SwitchPoint(6, atStep: 0), SwitchPoint(3, atStep: 4)]))
        var long = CancellationTests.endless
        long.precision = options.precision
        let endless = model.stream(.text(Self.beginning + "Noah"), options: long)
        for try await piece in endless where piece.token != nil { break }
        let ends = ["And God", "But Adam", "Then Eve", "So Noah", "And God saw", "Noah"]
        let answers = try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            for (index, end) in ends.enumerated() {
                group.addTask { (index, try await model.answer(.text(Self.beginning + end), options: options)) }
            }
            return try await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        endless.cancel()
        #expect(try await endless.answer().end == .cancelled)
        let last = try await model.answer(.text(Self.beginning + "Noah"), options: options)
        #expect(last.reusedPromptTokenCount > 40)
        for (index, end) in ends.enumerated() {
            let alone = try await anew.answer(.text(Self.beginning + end), options: options)
            let answer = try #require(answers[index])
            #expect(Outcome(answer) == Outcome(alone) && answer.reusedPromptTokenCount > 40)
            if end == "Noah" { #expect(Outcome(last) == Outcome(alone)) }
        }
    }

    @Test func whatIsKeptHasABound() async throws {
        var limits = LanguageModel.Options()
        limits.cachedTokens = 150
        let model = try await SampleBundle.model(limits)
        for number in 0..<6 {
            _ = try await model.answer(
                .text("\(number) " + Self.beginning), options: Self.options(.fixed(4), prefill: 4, 8))
            #expect(model.activity.cachedTokens <= 150)
        }
        #expect(model.activity.cachedTokens > 60)
        // The latest is there, the first is not.
        let options = Self.options(.fixed(4), prefill: 4, 1)
        #expect(
            try await model.answer(.text("5 " + Self.beginning), options: options).reusedPromptTokenCount > 40)
        #expect(
            try await model.answer(.text("0 " + Self.beginning), options: options).reusedPromptTokenCount == 0)
        #expect(model.activity.reusedPromptTokens > 40)
        #expect(try await anew().activity.cachedTokens == 0)
    }
}
