import Scoring
import Testing

@Suite struct MetricScoresTests {
    @Test func samplesOfAnExampleCountTogether() throws {
        func tallies(_ scores: [Double]) -> [MetricTally] { scores.map { MetricTally(score: $0) } }
        let means = MetricTally.means([
            tallies([1, 0, 0]), tallies([1, 1, 0]), tallies([1, 1, 0]), tallies([1, 0, 1]),
        ])
        #expect(means == tallies([1, 0.5, 0.25]))
        #expect(MetricTally.means([tallies([1, 0])]) == tallies([1, 0]) && MetricTally.means([]).isEmpty)
        // A corpus metric is that of all answers: sums, no means.
        let good = TaskMetric.sacrebleu.tally(answer: "a b c d e", references: ["a b c d e"])
        let bad = TaskMetric.sacrebleu.tally(answer: "a x c y", references: ["a b c d e"])
        let both = MetricScores(.sacrebleu, tallies: MetricTally.means([[good], [bad]]))
        #expect(
            both.tallies.count == 1 && abs(both.value - MetricScores(.sacrebleu, tallies: [good, bad]).value) < 1e-12)
    }
}
