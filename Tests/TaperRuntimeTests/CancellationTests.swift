import TaperRuntime
import Testing

/// Answers that nobody wants any more end, and the model goes on with others.
@Suite struct CancellationTests {
    /// Nothing but a cancellation or a full context ends it.
    static var endless: AnswerOptions {
        var options = AnswerOptions(sampling: Sampling(temperature: 1, seed: 1))
        options.ignoresEnd = true
        return options
    }

    private func model() async throws -> LanguageModel {
        // One place: an answer that did not end would keep the next one waiting.
        var options = LanguageModel.Options(contextLength: 60_000)
        options.answersAtOnce = 1
        return try await SampleBundle.model(options)
    }

    @Test func leavingTheLoopEndsTheAnswer() async throws {
        let model = try await model()
        for try await piece in model.stream("Who was Noah?", options: Self.endless) where piece.token != nil { break }
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func cancellingTheTaskEndsTheAnswer() async throws {
        let model = try await model()
        let (began, signal) = AsyncStream<Void>.makeStream()
        let task = Task {
            var count = 0
            for try await _ in model.stream("Who was Noah?", options: Self.endless) {
                count += 1
                signal.yield()
            }
            return count
        }
        for await _ in began { break }
        task.cancel()
        await #expect(throws: TaperError(.cancelled, "")) { try await task.value }
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func aCancelledTaskGetsNoPieceThatIsWrittenAlready() async throws {
        let model = try await model()
        let task = Task {
            var count = 0
            for try await _ in model.stream("Who was Noah?") {
                count += 1
                // The whole answer is there by now, or soon.
                try? await Task.sleep(for: .milliseconds(count == 1 ? 200 : 0))
                withUnsafeCurrentTask { $0?.cancel() }
            }
            return count
        }
        await #expect(throws: TaperError(.cancelled, "")) { try await task.value }
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func cancellingAWholeAnswerThrows() async throws {
        let model = try await model()
        let task = Task { try await model.answer("Who was Noah?", options: Self.endless) }
        task.cancel()
        await #expect(throws: TaperError(.cancelled, "")) { try await task.value }
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func aCancelledStreamEndsWithWhatThereIs() async throws {
        let model = try await model()
        let stream = model.stream("Who was Noah?", options: Self.endless)
        var text = ""
        for try await piece in stream {
            text += piece.text
            stream.cancel()
        }
        let answer = try await stream.answer()
        #expect(answer.end == .cancelled && answer.text == text && !answer.tokens.isEmpty)
        #expect(answer.tokens.count < 50_000)
    }

    @Test func aWaitingAnswerIsCancelledToo() async throws {
        let model = try await model()
        let first = model.stream("Who was Noah?", options: Self.endless)
        for try await _ in first { break }
        let second = model.stream("Who was Adam?")
        second.cancel()
        #expect(try await second.answer().end == .cancelled)
        first.cancel()
        #expect(try await first.answer().end == .cancelled)
    }
}
