import Evaluation
public import Scoring
public import Storage

/// Scores of greedy answers to the examples of a task, of one precision, schedule or checkpoint.
public struct AnswerScores: Sendable {
    public var label: String
    /// Against the examples' references; empty for a metric that has no use for them.
    public var references: MetricScores
    /// Against the full-precision model; empty without one.
    public var fullPrecision: MetricScores
    /// Mean over decode steps of all answers; nil for checkpoints.
    public var averageBits: Double?
    /// Mean bytes of weights read per decode step; of checkpoints those stored.
    public var bytesPerToken: Int?
    /// Mean length of the answers.
    public var averageTokens = 0.0
    public var texts: [String] = []
    /// How every answer ended that was run as code (`CodeOutcome.text`).
    public var outcomes: [String] = []

    public init(label: String, metric: TaskMetric) {
        self.label = label
        references = MetricScores(metric)
        fullPrecision = MetricScores(metric)
    }

    /// Difference to another result on the same examples, against the references where they were compared with.
    public func difference(to other: AnswerScores) -> Estimate? {
        references.isEmpty
            ? fullPrecision.difference(to: other.fullPrecision) : references.difference(to: other.references)
    }

    /// - Parameter first: what differences are to.
    public func json(comparedWith first: AnswerScores?) -> JSONValue {
        func figures(_ estimate: Estimate?) -> JSONValue {
            guard let estimate else { return .null }
            return .object([
                .init("score", .number(round6(estimate.value))),
                .init("standard_error", .number(round6(estimate.standardError))),
                .init("low", .number(round6(estimate.interval.lowerBound))),
                .init("high", .number(round6(estimate.interval.upperBound))),
            ])
        }
        func list(_ scores: MetricScores) -> JSONValue { .array(scores.tallies.map { .number(round6($0.score)) }) }
        return .object(
            [
                .init("label", .string(label)),
                .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
                .init("average_bits", averageBits.map { .number(round6($0)) } ?? .null),
                .init("average_tokens", .number(round6(averageTokens))),
                .init("references", figures(references.estimate())),
                .init("full_precision", figures(fullPrecision.estimate())),
                .init("difference", figures(first.flatMap { difference(to: $0) })),
                .init("scores", list(references)),
                .init("full_precision_scores", list(fullPrecision)),
                .init("answers", .array(texts.map { .string($0) })),
            ] + (outcomes.isEmpty ? [] : [.init("outcomes", .array(outcomes.map { .string($0) }))]))
    }
}
