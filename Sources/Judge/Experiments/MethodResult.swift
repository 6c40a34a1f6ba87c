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
    /// The same for every example, the mean of its samples, and the precision that read its prompt.
    public var exampleSteps: [[Precision: Double]] = []
    public var prefillBits: Precision?
    /// Of every example's answer and prompt; empty where nothing decodes.
    public var costs: [AnswerCost] = []
    public var averageBits: Double?
    public var bytesPerToken: Double?
    /// From the speed of every precision; nil where nothing decodes.
    public var tokensPerSecond: Double?
    public var averageTokens = 0.0
    public var answers: [String] = []
    /// What was used for every example, where it was decided per example.
    public var schedules: [String] = []
    public var note: String?
    /// Labels of the results with the same bits in reversed order, and dealt at random.
    public var reversedLabel: String?
    public var shuffledLabel: String?
    /// Share of answers that the limit of new tokens cut.
    public var cutShare: Double?

    public init(label: String, kind: ExperimentMethod.Kind, metrics: [TaskMetric]) {
        self.label = label
        self.kind = kind
        scores = metrics.map { MetricScores($0) }
    }

    /// Every measure that is compared, in the order of tables.
    public var measures: [MetricScores] { scores + [likeness, divergence] }

    /// Of an answer with its prompt; nil where a speed is not known.
    public var secondsPerAnswer: Double? {
        let known = costs.compactMap(\.seconds)
        return known.isEmpty || known.count < costs.count ? nil : known.reduce(0, +) / Double(known.count)
    }
    public var bytesPerAnswer: Double? {
        costs.isEmpty ? nil : costs.reduce(0) { $0 + $1.bytes } / Double(costs.count)
    }

    /// What the answers cost in a unit; nil where it is not known of all.
    public func rightAnswerCost(_ metric: Int, of unit: (AnswerCost) -> Double?) -> RightAnswerCost? {
        RightAnswerCost(costs: costs.map(unit), scores: scores[metric])
    }

    /// Bits, bytes and speed from the steps taken.
    mutating func setCosts(_ costs: DecodeCosts) {
        if let prefillBits, exampleSteps.count == costs.promptTokens.count {
            self.costs = exampleSteps.enumerated().map { example, steps in
                costs.prompt(example, bits: prefillBits) + costs.steps(steps)
            }
        }
        let count = steps.values.reduce(0, +)
        guard count > 0 else { return }
        let all = steps.sorted { $0.key < $1.key }
        averageBits = all.reduce(0) { $0 + $1.key.bits * $1.value } / count
        let cost = costs.steps(steps)
        bytesPerToken = cost.bytes / count
        tokensPerSecond = cost.seconds.map { count / $0 }
    }

    /// The expectation of drawing one of several methods for every example: nil of none. Metrics that are no means of the
    /// examples' scores have none.
    public static func mixture(
        _ parts: [(weight: Double, result: MethodResult)], label: String, kind: ExperimentMethod.Kind,
        costs: DecodeCosts
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
        result.cutShare = parts.reduce(0) { sum, part in
            sum.flatMap { known in part.result.cutShare.map { known + part.weight / total * $0 } }
        }
        result.setCosts(costs)
        result.costs = (0..<(parts.map(\.result.costs.count).min() ?? 0)).map { example in
            parts.reduce(AnswerCost(seconds: 0, bytes: 0)) { $0 + $1.weight / total * $1.result.costs[example] }
        }
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
