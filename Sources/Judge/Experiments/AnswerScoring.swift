import Evaluation
import Scoring
import Model
import Text
import Runtime

/// Scores answers to the examples of a task against the references and the full-precision model's answers.
struct AnswerScoring {
    let runner: TaskRunner
    let metrics: [TaskMetric]
    private let fullTexts: [String]

    /// - Parameter full: the full-precision model's answers.
    init(runner: TaskRunner, metrics: [TaskMetric], full: [[Int]]) {
        precondition(metrics.allSatisfy(\.comparesTexts), "these metrics compare texts")
        self.runner = runner
        self.metrics = metrics
        fullTexts = full.map { runner.tokenizer.decode($0, skipSpecial: true) }
    }

    func result(_ method: ExperimentMethod, _ outcomes: [TaskRunner.Outcome]) -> MethodResult {
        var result = MethodResult(label: method.label, kind: method.kind, metrics: metrics)
        for (index, outcome) in outcomes.enumerated() {
            let text = runner.text(outcome.answer)
            add(text, index, to: &result)
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
    func full(_ answers: [[Int]], label: String) -> MethodResult {
        var result = MethodResult(label: label, kind: .full, metrics: metrics)
        for (index, text) in fullTexts.enumerated() {
            for order in metrics.indices {
                result.scores[order].append(
                    metrics[order].tally(answer: text, references: runner.references[index]))
            }
            result.averageTokens += Double(answers[index].count) / Double(answers.count)
            result.answers.append(text)
        }
        return result
    }

    private func add(_ text: String, _ index: Int, to result: inout MethodResult) {
        for order in metrics.indices {
            result.scores[order].append(metrics[order].tally(answer: text, references: runner.references[index]))
        }
        result.likeness.append(TaskMetric.rougeL.tally(answer: text, references: [fullTexts[index]]))
        result.answers.append(text)
    }
}
