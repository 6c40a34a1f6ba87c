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

    /// - Parameters:
    ///   - samples: outcomes of every example, for every sample; one where answers are greedy.
    ///   - followed: what tells the divergence of every example.
    func result(
        _ method: ExperimentMethod, samples: [[TaskRunner.Outcome]], followed: [TaskRunner.Outcome]
    ) throws(TaperError) -> MethodResult {
        var result = MethodResult(label: method.label, kind: method.kind, metrics: metrics)
        let texts = samples.map { $0.map { runner.text($0.answer) } }
        for order in metrics.indices {
            let tallies = try texts.map { texts throws(TaperError) in
                try metrics[order].tallies(texts, references: runner.references, code: code)
            }
            for tally in MetricTally.means(tallies) { result.scores[order].append(tally) }
        }
        let likeness = texts.map { texts in
            zip(texts, fullTexts).map { TaskMetric.rougeL.tally(answer: $0, references: [$1]) }
        }
        for tally in MetricTally.means(likeness) { result.likeness.append(tally) }
        let all = Array(samples.joined())
        result.cutShare = all.isEmpty ? nil : Double(all.count { runner.isCut($0.answer.tokens) }) / Double(all.count)
        for outcome in all {
            result.averageTokens += Double(outcome.answer.tokens.count) / Double(all.count)
            for bits in outcome.answer.bits { result.steps[bits, default: 0] += 1 }
        }
        result.prefillBits = method.prefillBits
        result.exampleSteps = (samples.first ?? []).indices.map { example in
            var steps: [Precision: Double] = [:]
            for outcomes in samples {
                for bits in outcomes[example].answer.bits { steps[bits, default: 0] += 1 / Double(samples.count) }
            }
            return steps
        }
        for outcome in followed {
            if let divergence = outcome.divergence {
                result.divergence.append(MetricTally(score: divergence.mean))
            }
            if let schedule = outcome.schedule { result.schedules.append(schedule.text) }
        }
        result.answers = texts.first ?? []
        return result
    }

    /// The full-precision model's own answers: no divergence, no likeness to itself.
    func full(_ answers: [[Int]], label: String) throws(TaperError) -> MethodResult {
        var result = MethodResult(label: label, kind: .full, metrics: metrics)
        for order in metrics.indices {
            for tally in try metrics[order].tallies(fullTexts, references: runner.references, code: code) {
                result.scores[order].append(tally)
            }
        }
        result.answers = fullTexts
        result.cutShare = answers.isEmpty ? nil : Double(answers.count { runner.isCut($0) }) / Double(answers.count)
        for answer in answers { result.averageTokens += Double(answer.count) / Double(answers.count) }
        return result
    }
}
