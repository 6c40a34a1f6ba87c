public import Scoring
public import Storage

extension TaskMetric {
    /// What answers contribute, one an example in the examples' order: by the references, or by tests that are run.
    ///
    /// - Parameter code: of the same examples, for `pass@1`.
    /// - Precondition: the metric does not need the full-precision model.
    public func tallies(
        _ answers: [String], references: [[String]], code: CodeJudge?, encoder: BERTScore? = nil
    ) throws(TaperError) -> [MetricTally] {
        guard self == .passAt1 else {
            return zip(answers, references).map { tally(answer: $0, references: $1, encoder: encoder) }
        }
        guard let code else { preconditionFailure("pass@1 needs somebody who runs the code") }
        return try code.outcomes(answers.enumerated().map { ($0.offset, $0.element) }).map { outcome in
            MetricTally(score: outcome == .passed ? 1 : 0)
        }
    }
}
