public import Scoring
public import Storage

extension TaskMetric {
    /// Refuses examples that nothing could be right about: references without a number, where numbers are compared.
    /// - Throws: `badData` naming the example.
    public func check(_ examples: [TaskExample], place: String) throws(TaperError) {
        guard self == .exactNumber else { return }
        for (index, example) in examples.enumerated() {
            for reference in example.references where NumberAnswer(reference) == nil {
                throw TaperError(
                    .badData, "the reference has no number that \(rawValue) could compare with",
                    at: place + ": example \(index + 1)", expected: "such as 42 or -3.5", found: printable(reference))
            }
        }
    }

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
