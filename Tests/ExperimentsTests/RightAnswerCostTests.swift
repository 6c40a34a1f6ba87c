import Evaluation
import Experiments
import Model
import Scoring
import Testing

@Suite struct RightAnswerCostTests {
    private func cost(_ costs: [Double?], _ rights: [Double]) -> RightAnswerCost? {
        RightAnswerCost(costs: costs, scores: MetricScores(.passAt1, tallies: rights.map { MetricTally(score: $0) }))
    }

    @Test func wrongAnswersArePaidFor() throws {
        let half = try #require(cost([1, 3, 1, 3], [1, 0, 1, 0])?.estimate)
        #expect(half.value == 4 && half.low <= 4 && half.high >= 4)
        let all = try #require(cost([1, 3, 1, 3], [1, 1, 1, 1])?.estimate)
        #expect(all.value == 2 && all.low >= 1 && all.high <= 3)
        // Shares of samples that are right.
        #expect(try #require(cost([2, 2], [0.5, 0.25])?.estimate).value == 4 / 0.75)
    }

    @Test func whatIsNeverRightCostsWithoutEnd() throws {
        let never = try #require(cost([1, 2, 3], [0, 0, 0])?.estimate)
        #expect(never.value == .infinity && never.low == .infinity && never.high == .infinity)
        // One of three: some resamples lack it.
        let seldom = try #require(cost([1, 2, 3], [0, 1, 0])?.estimate)
        #expect(seldom.value == 6 && seldom.low < 6 && seldom.high == .infinity)
        let always = try #require(cost([1, 1, 1], [1, 1, 1]))
        let ratio = try #require(cost([1, 2, 3], [0, 0, 0])?.ratio(to: always))
        #expect(ratio.value == .infinity && ratio.verdict == .worse)
    }

    @Test func ratiosArePaired() throws {
        // Dear and cheap examples, right and wrong ones; the other method is twice as dear on every one.
        let costs = (0..<40).map { Double(1 + $0 % 7) }
        let rights = (0..<40).map { Double($0 % 3 == 0 ? 1 : 0) }
        let mine = try #require(cost(costs, rights))
        let other = try #require(cost(costs.map { 2 * $0 }, rights))
        let ratio = try #require(mine.ratio(to: other))
        #expect(abs(ratio.value - 0.5) < 1e-12 && abs(ratio.low - 0.5) < 1e-12 && abs(ratio.high - 0.5) < 1e-12)
        #expect(ratio.verdict == .better && other.ratio(to: mine)?.verdict == .worse)
        #expect(mine.ratio(to: mine)?.value == 1 && mine.ratio(to: mine)?.verdict == .open)
    }

    @Test func unknownCostsGiveNone() {
        #expect(cost([1, nil], [1, 1]) == nil && cost([], []) == nil)
        #expect(RightAnswerCost(costs: [1], scores: MetricScores(.rougeL, tallies: [MetricTally(score: 1)])) == nil)
    }
}
