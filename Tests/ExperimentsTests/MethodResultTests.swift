import Experiments
import Evaluation
import Scoring
import Model
import Runtime
import Storage
import Testing

@Suite struct MethodResultTests {
    private static let seconds: [Precision: Double] = [2: 0.002, 3: 0.003, 4: 0.004]
    private static func bytes(_ bits: Precision) -> Int { bits.hundredths * 10 }

    /// Scores and divergences of some examples, with as many decode steps of each precision.
    private func result(
        _ label: String, _ kind: ExperimentMethod.Kind, scores: [Double], divergences: [Double],
        steps: [Precision: Double]
    ) -> MethodResult {
        var result = MethodResult(label: label, kind: kind, metrics: [.rougeL])
        for score in scores {
            result.scores[0].append(MetricTally(score: score))
            result.likeness.append(MetricTally(score: score / 2))
        }
        for divergence in divergences { result.divergence.append(MetricTally(score: divergence)) }
        result.steps = steps
        return result
    }

    private func costed(_ result: MethodResult) -> MethodResult {
        MethodResult.mixture(
            [(1, result)], label: result.label, kind: result.kind, bytes: Self.bytes, seconds: Self.seconds) ?? result
    }

    @Test func costsFollowFromTheSteps() throws {
        let half = costed(
            result("half", .fixed, scores: [0.5], divergences: [0.1], steps: [4: 30, 2: 10]))
        #expect(half.averageBits == 3.5 && half.bytesPerToken == 3500)
        let expected: Double = 40 / (30 * 0.004 + 10 * 0.002)
        #expect(abs(try #require(half.tokensPerSecond) - expected) < 1e-9)
        // A precision whose speed nobody measured leaves none.
        #expect(costed(result("rung", .fixed, scores: [], divergences: [], steps: [5: 1])).tokensPerSecond == nil)
    }

    @Test func aMixtureIsTheExpectationOfTheDraw() throws {
        let high = costed(
            result("high", .constant, scores: [0.4, 0.8], divergences: [0.1, 0.3], steps: [4: 40]))
        let low = costed(result("low", .constant, scores: [0.2, 0.4], divergences: [0.9, 0.7], steps: [2: 40]))
        let mixture = try #require(
            MethodResult.mixture(
                [(3, high), (1, low)], label: "mixture", kind: .random, bytes: Self.bytes, seconds: Self.seconds))
        let (score, divergence) = (0.75 * 0.6 + 0.25 * 0.3, 0.75 * 0.2 + 0.25 * 0.8)
        #expect(abs(mixture.scores[0].value - score) < 1e-12)
        #expect(abs(mixture.divergence.value - divergence) < 1e-12)
        #expect(abs(mixture.scores[0].tallies[1].score - 0.7) < 1e-12)
        #expect(abs(try #require(mixture.averageBits) - 3.5) < 1e-12)
        #expect(MethodResult.mixture([], label: "", kind: .random, bytes: Self.bytes, seconds: [:]) == nil)
    }

    /// Between 3 and 2 bits: 3 bits do not fit, and what costs as much is drawn from both.
    @Test func opponentsHaveNoMoreBytes() throws {
        func constant(_ bits: Precision, _ divergence: Double) -> MethodResult {
            costed(
                result(
                    bits.label, .constant, scores: [0.1, 0.2], divergences: [divergence, divergence],
                    steps: [bits: 40]))
        }
        let constants = [constant(4, 0.1), constant(3, 0.3), constant(2, 0.8)]
        func opponents(_ steps: [Precision: Double]) -> EqualByteOpponents {
            EqualByteOpponents(
                to: costed(result("schedule", .fixed, scores: [0, 0], divergences: [0, 0], steps: steps)),
                among: constants, bytes: Self.bytes, seconds: Self.seconds)
        }
        let between = opponents([4: 10, 2: 30])
        #expect(between.fitting?.label == "2 bits")
        #expect(between.mixture?.bytesPerToken == 2500)
        #expect(abs(try #require(between.mixture?.divergence.value) - 0.55) < 1e-12)
        let equal = opponents([4: 20, 2: 20])
        #expect(equal.fitting?.label == "3 bits" && equal.mixture?.label == "3 bits")
        let lowest = opponents([2: 40])
        #expect(lowest.fitting?.label == "2 bits" && lowest.mixture?.label == "2 bits")
        let above = opponents([5: 40])
        #expect(above.fitting?.label == "4 bits" && above.mixture == nil)
    }

    @Test func verdictsFollowTheIntervalAndTheDirection() throws {
        func scores(_ each: (Int) -> Double) -> MetricScores {
            MetricScores(.rougeL, tallies: (0..<40).map { MetricTally(score: each($0)) })
        }
        let high = scores { 0.5 + 0.001 * Double($0 % 3) }
        let low = scores { 0.4 + 0.001 * Double($0 % 5) }
        #expect(try #require(MeasuredDifference(high, low)).verdict == .better)
        #expect(try #require(MeasuredDifference(low, high)).verdict == .worse)
        let noisy = scores { $0 % 2 == 0 ? 0.8 : 0.2 }
        #expect(try #require(MeasuredDifference(noisy, high)).verdict == .open)
        let near = MetricScores(.kl, tallies: [MetricTally(score: 0.1), MetricTally(score: 0.2)])
        let far = MetricScores(.kl, tallies: [MetricTally(score: 0.5), MetricTally(score: 0.6)])
        #expect(try #require(MeasuredDifference(near, far)).verdict == .better)
        #expect(MeasuredDifference(MetricScores(.kl), near) == nil)
    }
}
