import TaperRuntime
import Testing

@Suite struct ConversationTests {
    static let questions = ["Who was Noah?", "Who was Adam?", "Who was Eve?"]

    @Test(arguments: [Sampling.greedy, Sampling(temperature: 1.1, seed: 5)])
    func repliesAreTheRunners(sampling: Sampling) async throws {
        let model = try await SampleBundle.model()
        let conversation = try model.conversation()
        var written = ""
        for question in Self.questions {
            let answer = try await conversation.reply(
                to: question, options: AnswerOptions(maxTokens: 30, sampling: sampling)
            ).answer()
            written += answer.text + (answer.text.hasSuffix("\n") ? "" : "\n")
        }
        let printed = try Runner.output(
            [
                "-q", "-cnv", "-m", model.facts.path, "-n", "30", "--temp", "\(sampling.temperature)", "-s",
                "\(sampling.seed)",
            ], input: Self.questions.joined(separator: "\n") + "\n")
        #expect(written == printed)
    }

    @Test func aReplyReadsOnlyWhatIsNew() async throws {
        let model = try await SampleBundle.model()
        let conversation = try model.conversation()
        let first = try await conversation.answer(to: Self.questions[0])
        let second = try await conversation.answer(to: Self.questions[1])
        #expect(second.promptTokenCount <= first.promptTokenCount + 3)
        let messages = await conversation.messages
        #expect(messages.map(\.role) == [.user, .assistant, .user, .assistant])
        #expect(messages.last?.text == second.text)
        let anew = try await model.answer(.messages(Array(messages.dropLast())))
        #expect(anew.text == second.text && anew.promptTokenCount > second.promptTokenCount)
        try await conversation.clear()
        #expect(await conversation.messages.isEmpty)
        #expect(try await conversation.answer(to: Self.questions[1]).text == model.answer(Self.questions[1]).text)
    }

    @Test func aReplyAfterADraftedOneIsAsAfterAPlainOne() async throws {
        let model = try await SampleBundle.model()
        let (plain, drafting) = (try model.conversation(), try model.conversation())
        var drafted = 0
        for (index, question) in (Self.questions + Self.questions).enumerated() {
            var options = AnswerOptions(maxTokens: 30, sampling: .greedy, precision: .fixed(6))
            let expected = try await plain.reply(to: question, options: options).answer()
            // The replies after the drafted ones are plain: what they read must be the same.
            if index % 2 == 0 { options.draft = 2 }
            let answer = try await drafting.reply(to: question, options: options).answer()
            #expect(answer.tokens == expected.tokens && answer.text == expected.text)
            #expect(answer.promptTokenCount == expected.promptTokenCount)
            drafted += answer.draftedTokenCount
        }
        #expect(drafted > 0)
        #expect(await drafting.messages == plain.messages)
    }

    @Test func conversationsAtOnceDoNotMeet() async throws {
        let model = try await SampleBundle.model()
        func talk() async throws -> [Message] {
            let conversation = try model.conversation(system: "Be brief.")
            for question in Self.questions { _ = try await conversation.answer(to: question) }
            return await conversation.messages
        }
        let alone = try await talk()
        async let first = talk()
        async let second = talk()
        async let third = talk()
        #expect(try await [first, second, third] == [alone, alone, alone])
        #expect(alone.first == Message(.system, "Be brief."))
    }

    @Test func oneReplyAtATime() async throws {
        let model = try await SampleBundle.model(.init(contextLength: 60_000))
        let conversation = try model.conversation()
        let reply = conversation.reply(to: Self.questions[0], options: CancellationTests.endless)
        var text = ""
        for try await piece in reply where piece.token != nil {
            text += piece.text
            break
        }
        await #expect(throws: TaperError(.busy, "")) { try await conversation.answer(to: Self.questions[1]) }
        await #expect(throws: TaperError(.busy, "")) { try await conversation.clear() }
        reply.cancel()
        let partial = try await reply.answer()
        #expect(partial.end == .cancelled)
        // What was written stays, and the conversation goes on.
        #expect(await conversation.messages == [Message(.user, Self.questions[0]), Message(.assistant, partial.text)])
        _ = try await conversation.answer(to: Self.questions[1], options: .init(maxTokens: 4))
        #expect(await conversation.messages.count == 4)
    }

    @Test func aMessageWhoseReplyNeverBeganLeavesNoTrace() async throws {
        var options = LanguageModel.Options(contextLength: 60_000)
        options.answersAtOnce = 1
        let model = try await SampleBundle.model(options)
        let (conversation, other) = (try model.conversation(), try model.conversation())
        _ = try await conversation.answer(to: Self.questions[0])
        _ = try await other.answer(to: Self.questions[0])
        let before = await conversation.messages
        // Takes the only place, so that the reply waits.
        let endless = model.stream("Who was Noah?", options: CancellationTests.endless)
        for try await _ in endless { break }
        let reply = conversation.reply(to: Self.questions[1])
        reply.cancel()
        let cancelled = try await reply.answer()
        #expect(cancelled.end == .cancelled && cancelled.tokens.isEmpty)
        #expect(await conversation.messages == before)
        endless.cancel()
        let expected = try await other.answer(to: Self.questions[2]).text
        #expect(try await conversation.answer(to: Self.questions[2]).text == expected)
    }

    @Test func aFullContextLeavesTheConversationAsItWas() async throws {
        let model = try await SampleBundle.model(.init(contextLength: 90))
        let conversation = try model.conversation()
        _ = try await conversation.answer(to: Self.questions[1])
        let before = await conversation.messages
        let long = String(repeating: "In the beginning God created the heaven and the earth. ", count: 6)
        do throws(TaperError) {
            _ = try await conversation.answer(to: long)
            Issue.record("the message fits")
        } catch {
            #expect(error.code == .invalidData && error.remedy.contains("contextLength"))
        }
        #expect(await conversation.messages == before)
    }

    @Test func theOldestTurnsGoWhereThatIsAskedFor() async throws {
        let model = try await SampleBundle.model(.init(contextLength: 90))
        let conversation = try model.conversation(dropsOldest: true)
        for _ in 0..<2 { for question in Self.questions { _ = try await conversation.answer(to: question) } }
        let messages = await conversation.messages
        #expect(messages.count < 12 && messages.suffix(2).first?.text == Self.questions[2])
    }
}
