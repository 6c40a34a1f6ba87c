import Scoring
import Testing

@Suite struct BootstrapTests {
    /// Half zeros, half ones: the mean of 100 is off by 0.05, and lies within 1.96 times that.
    @Test func meansHaveTheirTextbookError() throws {
        let values = (0..<100).map { Double($0 % 2) }
        let estimate = try #require(Bootstrap.mean(values))
        #expect(estimate.value == 0.5 && estimate.level == 0.95)
        #expect(abs(estimate.standardError - 0.05) < 0.004)
        #expect(abs(estimate.interval.lowerBound - 0.402) < 0.02)
        #expect(abs(estimate.interval.upperBound - 0.598) < 0.02)
        let narrow = try #require(Bootstrap.mean(values, level: 0.5))
        #expect(narrow.interval.upperBound - narrow.interval.lowerBound < 0.09)
        #expect(estimate == Bootstrap.mean(values))
    }

    @Test func constantsAndSinglesHaveNoError() {
        #expect(Bootstrap.mean([]) == nil)
        #expect(Bootstrap.mean([0.25])?.interval == 0.25...0.25)
        #expect(Bootstrap.mean([1, 1, 1])?.standardError == 0)
    }

    /// Scores that differ by a constant have a certain difference, however uncertain each is.
    @Test func differencesArePaired() throws {
        let first = (0..<40).map { Double($0 * 37 % 40) / 40 }
        func scores(_ values: [Double]) -> MetricScores {
            MetricScores(.rougeL, tallies: values.map { MetricTally(score: $0) })
        }
        let difference = try #require(scores(first.map { $0 + 0.01 }).difference(to: scores(first)))
        #expect(abs(difference.value - 0.01) < 1e-12 && difference.standardError < 1e-12)
        #expect(difference.excludesZero)
        #expect(try #require(scores(first).estimate()).standardError > 0.03)
        let mixed = zip(first, 0...).map { $0 + ($1 % 2 == 0 ? 0.1 : -0.1) }
        #expect(try #require(scores(mixed).difference(to: scores(first))).excludesZero == false)
        #expect(scores(first).difference(to: scores([1])) == nil)
    }

    /// A corpus score is resampled as one: from the sums of the examples drawn, not from scores of sentences.
    @Test func corpusScoresAreResampledFromTheirCounts() throws {
        let good = TaskMetric.sacrebleu.tally(answer: "a b c d e f g h", references: ["a b c d e f g h"])
        let bad = TaskMetric.sacrebleu.tally(answer: "a x", references: ["b y z c d e f g h i"])
        let scores = MetricScores(.sacrebleu, tallies: [good, bad, good, bad, good, bad])
        let mean = scores.tallies.reduce(0) { $0 + $1.score } / 6
        #expect(abs(scores.value - mean) > 5)
        let estimate = try #require(scores.estimate())
        #expect(estimate.value == scores.value && estimate.interval.contains(scores.value))
        #expect(estimate.interval == scores.confidenceInterval(level: 0.95))
        // Some resample of six is all good, and some all bad; 95% lie between.
        #expect(estimate.interval.lowerBound < 40 && estimate.interval.upperBound > 80)
        #expect(scores.difference(to: scores)?.interval == 0...0)
    }
}
