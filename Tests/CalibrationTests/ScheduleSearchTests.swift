import Calibration
import Model
import Runtime
import Storage
import Testing

@Suite struct ScheduleSearchTests {
    /// Scores of 8 examples that depend on the average precision over N steps.
    private func search(
        tolerance: Double, n: Int = 60, precisions: [Precision] = [2, 3, 4],
        score: @escaping (PrecisionSchedule) -> Double
    ) throws -> ScheduleSearch.Outcome {
        let search = ScheduleSearch(precisions: precisions, maxNewTokens: n, tolerance: tolerance)
        return try search.run { schedules throws(TaperError) in
            schedules.map { schedule in
                let bits = (0..<n).reduce(0) { $0 + schedule.bits(atStep: $1).hundredths }
                return CandidateResult(
                    schedule: schedule, scores: [Double](repeating: score(schedule), count: 8),
                    averageBits: Double(bits) / Double(100 * n))
            }
        }
    }

    @Test func freeLunchTakesTheLowestPrecision() throws {
        let outcome = try search(tolerance: 0.01) { _ in 0.5 }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [2])
        #expect(outcome.decodeHigh == 2)
    }

    @Test func anyLossKeepsTheHighest() throws {
        let outcome = try search(tolerance: 0.01) { schedule in
            schedule.steps.count == 1 && schedule.bits(atStep: 0) == 4 ? 0.9 : 0.1
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4])
        #expect(outcome.chosen.schedule.prefillBits == 4)
    }

    /// Two bits hurt only in the first half: the search finds a late switch and the score stays within the tolerance.
    @Test func stepsDownWhereItStopsHurting() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 4]) { schedule in
            1 - 0.01 * Double((0..<30).filter { schedule.bits(atStep: $0) == 2 }.count)
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4, 2])
        #expect(outcome.chosen.schedule.steps[1].fromStep == 30)
        #expect(outcome.chosen.mean >= outcome.reference.mean - 0.01)
    }

    @Test func severalPrecisionsStepDownInOrder() throws {
        let outcome = try search(tolerance: 0.001) { schedule in
            1 - 0.01 * Double((0..<20).filter { schedule.bits(atStep: $0) < 4 }.count)
                - 0.005 * Double((0..<40).filter { schedule.bits(atStep: $0) < 3 }.count)
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4, 3, 2])
        #expect(outcome.chosen.schedule.steps.map(\.fromStep) == [0, 20, 40])
    }

    /// An early point that looks good among bad ones is noise and is not taken.
    @Test func luckyEarlyPointsAreNotTrusted() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 4]) { schedule in
            guard schedule.steps.count == 2 else { return schedule.bits(atStep: 0) == 4 ? 1 : 0.6 }
            return schedule.steps[1].fromStep == 10 ? 1 : 0.5
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4])
    }

    /// A metric that ignores the end of the text would let a broken precision in at the very end.
    @Test func brokenPrecisionsAreLeftOut() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 3, 4]) { schedule in
            if schedule.bits(atStep: 0) == 2 { return 0.1 }
            return (0..<10).allSatisfy { schedule.bits(atStep: $0) == 4 } ? 1 : 0.8
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4, 3])
    }

    @Test func bootstrapErrorIsDeterministicAndRight() {
        let values = (0..<100).map { Double($0 % 2) }
        let error = bootstrapStandardError(values)
        #expect(error == bootstrapStandardError(values))
        #expect(abs(error - 0.05) < 0.01)
        #expect(bootstrapStandardError([1, 1, 1]) == 0)
    }
}
