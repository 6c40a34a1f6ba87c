import Evaluation
import Scoring
import Model
import Text
import Runtime
import Storage

/// Scores answers to the examples of a task against the references and the full-precision model's answers.
struct AnswerScoring {
    let runner: TaskRunner
    let metrics: [TaskMetric]
    private let code: CodeJudge?
    private let fullTexts: [String]

    /// - Parameters:
    ///   - code: of the runner's examples, for `pass@1`.
    ///   - full: the full-precision model's answers.
    init(runner: TaskRunner, metrics: [TaskMetric], code: CodeJudge?, full: [[Int]]) {
        precondition(
            metrics.allSatisfy { $0.comparesTexts || $0 == .passAt1 && code != nil }, "these metrics judge answers")
        self.runner = runner
        self.metrics = metrics
        self.code = code
        fullTexts = full.map { runner.tokenizer.decode($0, skipSpecial: true) }
    }

    func result(_ method: ExperimentMethod, _ outcomes: [TaskRunner.Outcome]) throws(TaperError) -> MethodResult {
        var result = MethodResult(label: method.label, kind: method.kind, metrics: metrics)
        let texts = outcomes.map { runner.text($0.answer) }
        try score(texts, into: &result)
        for (index, outcome) in outcomes.enumerated() {
            result.likeness.append(TaskMetric.rougeL.tally(answer: texts[index], references: [fullTexts[index]]))
            result.averageTokens += Double(outcome.answer.tokens.count) / Double(outcomes.count)
            for bits in outcome.answer.bits { result.steps[bits, default: 0] += 1 }
            if let divergence = outcome.divergence {
                result.divergence.append(MetricTally(score: divergence.mean))
            }
            if let schedule = outcome.schedule { result.schedules.append(schedule.text) }
        }
        return result
    }

    /// The full-precision model's own answers: no divergence, no likeness to itself.
    func full(_ answers: [[Int]], label: String) throws(TaperError) -> MethodResult {
        var result = MethodResult(label: label, kind: .full, metrics: metrics)
        try score(fullTexts, into: &result)
        for answer in answers { result.averageTokens += Double(answer.count) / Double(answers.count) }
        return result
    }

    /// Every metric against references or tests, of one answer an example.
    private func score(_ texts: [String], into result: inout MethodResult) throws(TaperError) {
        for order in metrics.indices {
            for tally in try metrics[order].tallies(texts, references: runner.references, code: code) {
                result.scores[order].append(tally)
            }
        }
        result.answers = texts
    }
}
