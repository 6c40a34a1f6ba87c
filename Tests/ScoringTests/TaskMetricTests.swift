import Scoring
import Storage
import Testing

@Suite struct TaskMetricTests {
    @Test func namesAreThoseOfTheCommandLine() throws {
        for name in [
            "rouge-1", "rouge-2", "rouge-l", "rouge-l-stem", "bleu", "sacrebleu", "agreement", "kl", "bertscore",
            "pass@1", "exact-number",
        ] {
            #expect(try TaskMetric(name: name).rawValue == name)
        }
        let error = #expect(throws: TaperError.self) { try TaskMetric(name: "rouge") }
        #expect(error?.code == .usage && error?.message.contains("rouge-l") == true)
    }

    @Test func everyTextMetricIsPerfectOnItsReference() {
        let text = "Ms. Dawson takes a dictation about the running of 3 offices."
        for metric in TaskMetric.allCases where metric.comparesTexts && metric != .bertScore {
            let scores = MetricScores(metric, tallies: [metric.tally(answer: text, references: ["another one", text])])
            #expect(abs(metric.gain(scores.value) - 1) < 1e-12, "\(metric)")
        }
    }

    @Test func stemmingIsPartOfTheName() {
        func score(_ metric: TaskMetric) -> Double {
            metric.tally(answer: "he was running", references: ["he was runs"]).score
        }
        #expect(score(.rouge1) < 1 && score(.rouge1Stemmed) == 1)
        #expect(score(.rouge2) == 0.5 && score(.rouge2Stemmed) == 1)
        #expect(score(.rougeL) < 1 && score(.rougeLStemmed) == 1)
    }
}
