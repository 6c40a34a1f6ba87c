import TaperRuntime
import Testing

/// Who waits, in which order, and how many may.
@Suite struct ActivityTests {
    private func model(waiting: Int?) async throws -> LanguageModel {
        var options = LanguageModel.Options(contextLength: 60_000)
        options.answersAtOnce = 1
        options.waitingLimit = waiting
        return try await SampleBundle.model(options)
    }

    @Test func whoComesWhenTooManyWaitIsRefused() async throws {
        let model = try await model(waiting: 1)
        let first = model.stream("Who was Noah?", options: CancellationTests.endless)
        for try await _ in first { break }
        let second = model.stream("Who was Adam?")
        #expect(model.activity.answering == 1 && model.activity.waiting == 1)
        let refused = await #expect(throws: TaperError(.busy, "")) { try await model.answer("Who was Eve?") }
        #expect(refused?.place == "waitingLimit")
        first.cancel()
        _ = try await first.answer()
        #expect(try await second.answer().end == .model)
        // The places are free again.
        #expect(try await model.answer("Who was Eve?").end == .model)
        #expect(model.activity.refused == 1 && model.activity.ended == 3)
        #expect(model.activity.answering == 0 && model.activity.waiting == 0)
    }

    /// Requests that belong together get in together; who is alone may be too many.
    @Test func togetherOrNotAtAll() async throws {
        let model = try await model(waiting: 1)
        let options = AnswerOptions(maxTokens: 2)
        func requests(_ count: Int) -> [(prompt: Prompt, options: AnswerOptions)] {
            (0..<count).map { (.text("Who was \($0)?"), options) }
        }
        let alone = try model.streams(requests(5))
        #expect(throws: TaperError(.busy, "")) { try model.streams(requests(1)) }
        for stream in alone { #expect(try await !stream.answer().tokens.isEmpty) }
        let first = model.stream("Who was Noah?", options: CancellationTests.endless)
        for try await _ in first { break }
        #expect(throws: TaperError(.busy, "")) { try model.streams(requests(2)) }
        let second = try model.streams(requests(1))
        first.cancel()
        for stream in second { #expect(try await !stream.answer().tokens.isEmpty) }
        #expect(model.activity.refused == 3 && model.activity.ended == 7)
    }

    @Test func wrongRequestsLeaveTheirPlaceToOthers() async throws {
        let model = try await model(waiting: 0)
        await #expect(throws: TaperError(.invalidData, "")) { try await model.answer(.tokens([])) }
        await #expect(throws: TaperError(.invalidArgument, "")) {
            try await model.answer("Who?", options: .init(precision: .fixed(5)))
        }
        #expect(try await model.answer("Who was Eve?").end == .model)
        #expect(throws: TaperError(.invalidArgument, "")) {
            var options = LanguageModel.Options()
            options.waitingLimit = -1
            return try LanguageModel(path: model.facts.path, options: options)
        }
    }

    /// Answers begin in the order in which they were asked for, also those whose prompts take longer to prepare.
    @Test(.timeLimit(.minutes(1))) func firstComeFirstServed() async throws {
        let model = try await model(waiting: nil)
        let streams = (0..<12).map { number in
            let count = number.isMultiple(of: 3) ? 100 : 1
            return model.stream(
                .text(String(repeating: "In the beginning ", count: count)), options: CancellationTests.endless)
        }
        for (number, stream) in streams.enumerated() {
            // Only its turn, when all before it have ended, gives the first piece.
            for try await piece in stream where piece.token != nil { break }
            #expect(model.activity.answering == 1 && model.activity.waiting == 11 - number)
            stream.cancel()
            #expect(try await stream.answer().end == .cancelled)
        }
    }

    /// A cancellation may come at any moment of the worker's; whoever it befell once stayed among the waiting for ever.
    @Test(.timeLimit(.minutes(1))) func whoLeavesTheQueueLeavesNothing() async throws {
        let model = try await model(waiting: nil)
        let options = AnswerOptions(maxTokens: 2)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<2000 {
                group.addTask {
                    let stream = model.stream("Who was Noah?", options: options)
                    for _ in 0..<number % 50 { await Task.yield() }
                    stream.cancel()
                    _ = try? await stream.answer()
                }
            }
        }
        #expect(model.activity.answering == 0 && model.activity.waiting == 0)
        #expect(model.activity.ended == 2000)
    }

    @Test func tokensAreCounted() async throws {
        let model = try await model(waiting: nil)
        let first = try await model.answer("Who was Noah?")
        let second = try await model.answer("Who was Adam?", options: .init(maxTokens: 5))
        let activity = model.activity
        #expect(activity.promptTokens == first.promptTokenCount + second.promptTokenCount)
        #expect(activity.newTokens == first.tokens.count + second.tokens.count && activity.ended == 2)
    }
}
