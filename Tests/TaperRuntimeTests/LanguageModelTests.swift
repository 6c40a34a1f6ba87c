import TaperRuntime
import Testing

@Suite struct LanguageModelTests {
    @Test func factsAreTheBundles() async throws {
        let facts = try await SampleBundle.model(.init(threads: 1, contextLength: 100)).facts
        #expect(facts.family == "llama" && facts.layerCount == 4 && facts.vocabularySize == 2048)
        #expect(facts.trainedContextLength == 512 && facts.contextLength == 100 && facts.threadCount == 1)
        #expect(facts.precisions == [2, 3, 4, 6])
        #expect(facts.bytesPerToken.sorted { $0.key < $1.key }.map(\.value) == facts.bytesPerToken.values.sorted())
        #expect(facts.hasChatFormat && facts.readsSystemMessages && !facts.hasLearnedScheduler)
        let schedule = try #require(facts.schedules.first)
        #expect(schedule.task == "answer" && schedule.switchPoints.first?.step == 0 && schedule.maxTokens == 64)
    }

    @Test func errorsTellWhatIsWrongAndWhatToDo() async throws {
        let missing = #expect(throws: TaperError.self) { try LanguageModel(path: "/no/such.taper") }
        #expect(missing?.code == .notFound && missing?.place == "/no/such.taper")
        let damaged = #expect(throws: TaperError.self) { try LanguageModel(path: #filePath) }
        #expect(damaged?.code == .invalidData)
        #expect(throws: TaperError(.invalidArgument, "")) {
            try LanguageModel(path: #filePath, options: .init(threads: 0))
        }

        let model = try await SampleBundle.model(.init(contextLength: 64))
        let precision = await #expect(throws: TaperError.self) {
            try await model.answer("Who was Noah?", options: .init(precision: .fixed(5)))
        }
        #expect(precision?.code == .invalidArgument && precision?.expected == "one of 2, 3, 4, 6")
        #expect(precision?.found == "5" && precision?.description.contains("found 5") == true)
        let task = await #expect(throws: TaperError.self) {
            try await model.answer("Who was Noah?", options: .init(precision: .schedule("none")))
        }
        #expect(task?.place == "precision" && task?.expected == "one of answer")
        let long = await #expect(throws: TaperError.self) {
            try await model.answer(.text(String(repeating: "word ", count: 100)))
        }
        #expect(long?.code == .invalidData && long?.remedy.contains("larger contextLength") == true)
        let sampling = await #expect(throws: TaperError.self) {
            try await model.answer("Who?", options: .init(sampling: Sampling(temperature: -1)))
        }
        #expect(sampling?.place == "temperature")
        let fields = await #expect(throws: TaperError.self) {
            try await model.answer("Who?", options: .init(sampling: Sampling(topK: -1)))
        }
        #expect(fields?.place == "topK")
        await #expect(throws: TaperError(.invalidData, "")) { try await model.answer(.tokens([])) }
        await #expect(throws: TaperError(.invalidData, "")) { try await model.answer(.tokens([5000])) }
        await #expect(throws: TaperError(.invalidArgument, "")) {
            try await model.answer("Who?", options: .init(maxTokens: -1))
        }
        #expect(throws: TaperError(.invalidArgument, "")) { try PrecisionChoice.switching("4@0,6@8") }
        // After all that it still answers.
        #expect(try await model.answer("Who was Adam?").end == .model)
    }

    @Test func oldTextGoesOnlyWhereThatIsAskedFor() async throws {
        let model = try await SampleBundle.model(.init(contextLength: 64))
        var options = AnswerOptions(maxTokens: 10)
        options.dropsOldest = true
        let answer = try await model.answer(.text(String(repeating: "word ", count: 100)), options: options)
        #expect(answer.promptTokenCount == 54 && answer.tokens.count <= 10)
    }

    @Test func precisionsAreExact() {
        #expect(Precision("3.5") == 3.5 && Precision(3.5).description == "3.5" && Precision("x") == nil)
        #expect(Precision(4).bits == 4 && Precision(2) < 2.5)
    }
}
