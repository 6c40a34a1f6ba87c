import Experiments
import Evaluation
import Scoring
import Model
import Runtime
import Storage
import Testing

@Suite struct MethodResultTests {
    private static let rung = Precision(hundredths: 350)
    private static let costs = DecodeCosts(
        bytes: [2: 2000, 3: 3000, rung: 3500, 4: 4000, 5: 5000],
        seconds: [2: 0.002, 3: 0.003, 4: 0.004], promptTokens: [10, 200], promptSeconds: [4: 0.001], promptRows: 128)

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
            [(1, result)], label: result.label, kind: result.kind, costs: Self.costs) ?? result
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
                [(3, high), (1, low)], label: "mixture", kind: .random, costs: Self.costs))
        let (score, divergence) = (0.75 * 0.6 + 0.25 * 0.3, 0.75 * 0.2 + 0.25 * 0.8)
        #expect(abs(mixture.scores[0].value - score) < 1e-12)
        #expect(abs(mixture.divergence.value - divergence) < 1e-12)
        #expect(abs(mixture.scores[0].tallies[1].score - 0.7) < 1e-12)
        #expect(abs(try #require(mixture.averageBits) - 3.5) < 1e-12)
        #expect(MethodResult.mixture([], label: "", kind: .random, costs: Self.costs) == nil)
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
                among: constants, costs: Self.costs)
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

    /// Whoever stores a rung may decode at it throughout: a mix of precisions per tensor, of equal bytes.
    @Test func rungsAreOpponents() throws {
        func constant(_ bits: Precision, _ divergence: Double) -> MethodResult {
            costed(
                result(
                    bits.label, .constant, scores: [0.1, 0.2], divergences: [divergence, divergence],
                    steps: [bits: 40]))
        }
        let constants = [constant(4, 0.1), constant(Self.rung, 0.2), constant(3, 0.3), constant(2, 0.8)]
        func opponents(_ steps: [Precision: Double]) -> EqualByteOpponents {
            EqualByteOpponents(
                to: costed(result("schedule", .fixed, scores: [0, 0], divergences: [0, 0], steps: steps)),
                among: constants, costs: Self.costs)
        }
        let equal = opponents([4: 30, 2: 10])
        #expect(equal.fitting?.label == "3.5 bits (rung)" && equal.mixture?.label == "3.5 bits (rung)")
        let above = opponents([4: 36, 2: 4])
        #expect(above.fitting?.label == "3.5 bits (rung)")
        #expect(above.mixture?.label == "3.5 bits (rung) or 4 bits, at random")
        #expect(abs(try #require(above.mixture?.bytesPerToken) - 3800) < 1e-9)
        #expect(opponents([4: 28, 2: 12]).fitting?.label == "3 bits")
    }

    @Test func answersCostTheirPromptsToo() throws {
        var method = result("half", .fixed, scores: [1, 0], divergences: [], steps: [4: 30, 2: 10])
        #expect(costed(method).secondsPerAnswer == nil)
        method.costs = [AnswerCost(seconds: 1, bytes: 3e6), AnswerCost(seconds: 2, bytes: 5e6)]
        #expect(method.secondsPerAnswer == 1.5 && method.bytesPerAnswer == 4e6)
        let other = {
            var other = result("other", .fixed, scores: [1, 0], divergences: [], steps: [4: 10])
            other.costs = [AnswerCost(seconds: 3, bytes: 1e6), AnswerCost(seconds: nil, bytes: 1e6)]
            return other
        }()
        let mixture = try #require(
            MethodResult.mixture([(1, method), (3, other)], label: "m", kind: .random, costs: Self.costs))
        #expect(mixture.costs[0] == AnswerCost(seconds: 2.5, bytes: 1.5e6))
        #expect(mixture.costs[1] == AnswerCost(seconds: nil, bytes: 2e6) && mixture.secondsPerAnswer == nil)
        // A prompt of 200 tokens reads the weights twice.
        #expect(Self.costs.prompt(0, bits: 4) == AnswerCost(seconds: 0.01, bytes: 4000))
        #expect(Self.costs.prompt(1, bits: 4) == AnswerCost(seconds: 0.2, bytes: 8000))
        #expect(Self.costs.prompt(1, bits: 2).seconds == nil)
        let steps = Self.costs.steps([4: 3, 2: 2])
        #expect(abs(try #require(steps.seconds) - 0.016) < 1e-12 && steps.bytes == 16000)
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
