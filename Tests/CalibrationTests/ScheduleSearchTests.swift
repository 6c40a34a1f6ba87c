import Scoring
import Calibration
import Evaluation
import Model
import Runtime
import Storage
import Testing

@Suite struct ScheduleSearchTests {
    /// Scores of 8 examples that depend on the average precision over N steps; a step reads as many bytes as hundredths of
    /// bits.
    private func search(
        tolerance: Double, n: Int = 60, precisions: [Precision] = [2, 3, 4], metric: TaskMetric = .rougeL,
        referenceScore: Double? = nil, gridSize: Int = 6, score: @escaping (PrecisionSchedule) -> Double
    ) throws -> ScheduleSearch.Outcome {
        let search = ScheduleSearch(
            precisions: precisions, maxNewTokens: n, tolerance: tolerance, referenceScore: referenceScore,
            gridSize: gridSize)
        return try search.run { schedules throws(TaperError) in
            schedules.map { schedule in
                let bits = Precision.mean((0..<n).map { schedule.bits(atStep: $0) }) ?? 0
                return CandidateResult(
                    schedule: schedule,
                    scores: MetricScores(
                        metric, tallies: [MetricTally](repeating: MetricTally(score: score(schedule)), count: 8)),
                    averageBits: bits, bytesPerToken: bits * 100)
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
        #expect(outcome.chosen.score >= outcome.reference.score - 0.01)
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

    /// Divergences are better small: 2 bits are worse by more than the tolerance from the start, not from step 30 on.
    @Test func smallerIsBetterForDivergences() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 4], metric: .kl) { schedule in
            0.02 + 0.001 * Double((0..<30).filter { schedule.bits(atStep: $0) == 2 }.count)
        }
        #expect(outcome.chosen.schedule.steps == [.init(fromStep: 0, bits: 4), .init(fromStep: 20, bits: 2)])
        #expect(abs(outcome.chosen.score - 0.03) < 1e-9 && outcome.reference.score == 0.02)
    }

    /// exp(-KL) of two bits is less than half of the highest precision's.
    @Test func brokenByDivergenceIsLeftOut() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 4], metric: .kl) { schedule in
            schedule.steps.map(\.bits) == [2] ? 0.8 : 0.1
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4])
    }

    /// A tolerance of 0.01 is one point of 100.
    @Test func tolerancesAreSharesOfTheScale() throws {
        func chosen(_ lowest: Double) throws -> [Precision] {
            try search(tolerance: 0.01, precisions: [2, 4], metric: .rougeL) { schedule in
                schedule.bits(atStep: 0) == 4 ? 0.3 : lowest
            }.chosen.schedule.steps.map(\.bits)
        }
        #expect(try chosen(0.291) == [2] && chosen(0.289) != [2])
        #expect(TaskMetric.sacrebleu.gain(30) - TaskMetric.sacrebleu.gain(29) < 0.0100001)
        #expect(TaskMetric.kl.gain(0.5) == -0.5)
    }

    /// A lower precision that is good enough all along is cheaper than any switch to the lowest.
    @Test func aConstantMiddlePrecisionIsAmongTheCandidates() throws {
        let outcome = try search(tolerance: 0.01) { schedule in
            1 - 0.002 * Double((0..<60).filter { schedule.bits(atStep: $0) == 2 }.count)
        }
        #expect(outcome.decodeHigh == 3)
        #expect(outcome.chosen.schedule.steps == [.init(fromStep: 0, bits: 3)])
        #expect(outcome.candidates.prefix(3).map(\.schedule.steps.count) == [1, 1, 1])
    }

    /// Even when a precision between fails: with rungs, more bits are not always better.
    @Test func aConstantBelowAFailingOneIsTaken() throws {
        let outcome = try search(tolerance: 0.01, precisions: [2, 3, 4, 5]) { schedule in
            let bits = schedule.bits(atStep: 0)
            return schedule.steps.count > 1 ? 0.5 : bits == 4 ? 0.9 : bits == 2 ? 0.4 : 1
        }
        #expect(outcome.chosen.schedule.steps == [.init(fromStep: 0, bits: 3)])
    }

    @Test func bisectionSparesMostOfTheGrid() throws {
        for worst in 1..<64 {
            let outcome = try search(tolerance: 0, n: 64, precisions: [2, 4], gridSize: 16) { schedule in
                (0..<64).filter { schedule.bits(atStep: $0) == 2 }.min().map { $0 < worst ? 0.6 : 1 } ?? 1
            }
            let point = (worst + 3) / 4 * 4
            #expect(outcome.chosen.schedule.steps.last?.fromStep == (point == 64 ? 0 : point))
            #expect(outcome.candidates.count <= 8 && outcome.fullGridCount == 17)
        }
    }

    @Test func theReferenceScoreCanBeGiven() throws {
        let loss: (PrecisionSchedule) -> Double = { schedule in
            schedule.bits(atStep: 0) == 4 ? 0.8 : 0.7
        }
        let own = try search(tolerance: 0.05, precisions: [2, 4], score: loss)
        #expect(abs(own.referenceScore - 0.8) < 1e-9 && own.isWithinTolerance)
        #expect(own.chosen.schedule.bits(atStep: 0) == 4)
        let less = try search(tolerance: 0.05, precisions: [2, 4], referenceScore: 0.74, score: loss)
        #expect(less.chosen.schedule.steps.map(\.bits) == [2])
        let more = try search(tolerance: 0.05, precisions: [2, 4], referenceScore: 0.95, score: loss)
        #expect(more.chosen.schedule.steps.map(\.bits) == [4] && !more.isWithinTolerance)
    }

    @Test func shortAnswersHaveFewSwitchPoints() throws {
        let outcome = try search(tolerance: 0.01, n: 1, precisions: [2, 4]) { schedule in
            schedule.bits(atStep: 0) == 4 ? 1 : 0.6
        }
        #expect(outcome.chosen.schedule.steps.map(\.bits) == [4])
    }
}
