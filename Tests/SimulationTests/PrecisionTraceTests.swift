import Model
import Simulation
import Storage
import Testing

@Suite struct PrecisionTraceTests {
    private let run = """
        {"schema": "taper.run/1", "prompt_tokens": 7, "prefill_bits": 6, "bits_per_step": [4, 4, 3.5, 2], "text": "x"}
        """

    private func read(_ text: String) throws -> [PrecisionTrace] {
        try PrecisionTrace.recorded(try JSONValue.parse(Array(text.utf8), place: "run.json"), place: "run.json")
    }

    @Test func whatTheRunnerPrintsIsATrace() throws {
        let trace = try #require(try read(run).first)
        #expect(trace.promptTokens == 7 && trace.prefillBits == 6)
        #expect(trace.bitsPerStep == [4, 4, Precision(hundredths: 350), 2])
        #expect(try read("[\(run), \(run)]").count == 2)
    }

    @Test(arguments: [
        "{}", "[]", #"{"prompt_tokens": 0, "prefill_bits": 4, "bits_per_step": [4]}"#,
        #"{"prompt_tokens": 1, "prefill_bits": 4, "bits_per_step": []}"#,
        #"{"prompt_tokens": 1, "prefill_bits": 4, "bits_per_step": [0.5]}"#,
        #"{"prompt_tokens": 1, "prefill_bits": 40, "bits_per_step": [4]}"#,
    ])
    func otherFilesAreRefused(_ text: String) {
        #expect(throws: TaperError(.badData, "")) { try read(text) }
    }

    @Test func aScheduleIsFollowedStepByStep() throws {
        let schedule = try PrecisionSchedule(parsing: "6@0,3@2", prefillBits: 4, place: "test")
        let trace = PrecisionTrace(schedule, promptTokens: 5, steps: 4)
        #expect(trace.bitsPerStep == [6, 6, 3, 3] && trace.prefillBits == 4)
    }

    @Test func aLearnedSchedulerIsTheSharesOfItsChoices() throws {
        let learned = try SimulatedSchedule(
            learned: 4, 2, shares: [0.5, 0, 0.25, 0.25], prefillBits: 4, promptTokens: 3, steps: 9)
        #expect(learned.traces.map(\.share) == [0.5, 0.25, 0.25])
        #expect(learned.traces.map { $0.trace.bitsPerStep.filter { $0 == 4 }.count } == [0, 6, 9])
        for shares in [[0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [1.5, -0.5, 0, 0]] {
            #expect(throws: TaperError(.usage, "")) {
                try SimulatedSchedule(learned: 4, 2, shares: shares, prefillBits: 4, promptTokens: 1, steps: 9)
            }
        }
        #expect(throws: TaperError(.usage, "")) {
            try SimulatedSchedule(learned: 2, 4, shares: [1, 0, 0, 0], prefillBits: 4, promptTokens: 1, steps: 9)
        }
    }
}
