import Evaluation
public import Scoring
public import Model
import Storage

/// What one method reached over the examples of a task.
public struct MethodResult: Sendable {
    public let label: String
    public let kind: ExperimentMethod.Kind
    /// One for every metric of the experiment, against the references; empty tallies where a mixture has no expectation.
    public var scores: [MetricScores]
    /// ROUGE-L against the full-precision model's answers.
    public var likeness = MetricScores(.rougeL)
    /// KL divergence from the full-precision model along its own answer, per example.
    public var divergence = MetricScores(.kl)
    /// Decode steps at every precision; of a mixture the expectation.
    public var steps: [Precision: Double] = [:]
    public var averageBits: Double?
    public var bytesPerToken: Double?
    /// From the speed of every precision; nil where nothing decodes.
    public var tokensPerSecond: Double?
    public var averageTokens = 0.0
    public var answers: [String] = []
    /// What was used for every example, where it was decided per example.
    public var schedules: [String] = []
    public var note: String?

    public init(label: String, kind: ExperimentMethod.Kind, metrics: [TaskMetric]) {
        self.label = label
        self.kind = kind
        scores = metrics.map { MetricScores($0) }
    }

    /// Every measure that is compared, in the order of tables.
    public var measures: [MetricScores] { scores + [likeness, divergence] }

    /// Bits, bytes and speed from the steps taken.
    mutating func setCosts(bytes: (Precision) -> Int, seconds: [Precision: Double]) {
        let count = steps.values.reduce(0, +)
        guard count > 0 else { return }
        // Sums in a fixed order, so that the last digits do not depend on a dictionary.
        let all = steps.sorted { $0.key < $1.key }
        averageBits = all.reduce(0) { $0 + $1.key.bits * $1.value } / count
        bytesPerToken = all.reduce(0) { $0 + Double(bytes($1.key)) * $1.value } / count
        if all.allSatisfy({ seconds[$0.key] != nil }) {
            tokensPerSecond = count / all.reduce(0) { $0 + (seconds[$1.key] ?? 0) * $1.value }
        }
    }

    /// The expectation of drawing one of several methods for every example: nil of none. Metrics that are no means of the
    /// examples' scores have none.
    public static func mixture(
        _ parts: [(weight: Double, result: MethodResult)], label: String, kind: ExperimentMethod.Kind,
        bytes: (Precision) -> Int, seconds: [Precision: Double]
    ) -> MethodResult? {
        let total = parts.reduce(0) { $0 + $1.weight }
        guard let first = parts.first?.result, total > 0 else { return nil }
        func mix(_ all: [MetricScores]) -> MetricScores {
            var result = MetricScores(all[0].metric)
            let count = all.map(\.tallies.count).min() ?? 0
            for index in 0..<count {
                if all[0].tallies[index].counts != nil { break }
                result.append(
                    MetricTally(
                        score: zip(parts, all).reduce(0) { $0 + $1.0.weight / total * $1.1.tallies[index].score }))
            }
            return result
        }
        var result = MethodResult(label: label, kind: kind, metrics: [])
        result.scores = first.scores.indices.map { index in mix(parts.map { $0.result.scores[index] }) }
        result.likeness = mix(parts.map(\.result.likeness))
        result.divergence = mix(parts.map(\.result.divergence))
        for part in parts {
            for (bits, count) in part.result.steps { result.steps[bits, default: 0] += part.weight / total * count }
            result.averageTokens += part.weight / total * part.result.averageTokens
        }
        result.setCosts(bytes: bytes, seconds: seconds)
        return result
    }
}

/// How a method compares with another on one measure.
public struct MeasuredDifference: Sendable {
    public enum Verdict: String, Sendable {
        case better, worse
        /// Zero lies in the interval: no difference was shown, which proves none.
        case open = "not shown"
    }
    public let estimate: Estimate
    public let verdict: Verdict

    /// nil when one of them lacks the measure.
    public init?(_ mine: MetricScores, _ other: MetricScores) {
        guard !mine.isEmpty, let estimate = mine.difference(to: other) else { return nil }
        self.estimate = estimate
        let isUp = estimate.value > 0
        verdict = !estimate.excludesZero ? .open : isUp != mine.metric.isSmallerBetter ? .better : .worse
    }
}
