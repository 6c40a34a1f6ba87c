public import Scoring

/// What a right answer costs: the cost of all answers, wrong ones too, over the number of right ones. Whoever asks again until an
/// answer is right pays this on average, if examples are alike.
public struct RightAnswerCost: Sendable {
    /// Cost and share of right answers of every example.
    private let costs: [Double]
    private let rights: [Double]

    /// A ratio of sums with its 95% interval; infinite where nothing is right.
    public struct Ratio: Sendable, Equatable {
        public let value: Double
        public let low: Double
        public let high: Double

        /// Of a share a / (a + b), as a / b.
        init(ofShare share: Estimate) {
            func ratio(_ share: Double) -> Double { share >= 1 ? .infinity : share / (1 - share) }
            value = ratio(share.value)
            low = ratio(share.interval.lowerBound)
            high = ratio(share.interval.upperBound)
        }
        init(inverting rate: Estimate) {
            func inverse(_ rate: Double) -> Double { rate > 0 ? 1 / rate : .infinity }
            value = inverse(rate.value)
            low = inverse(rate.interval.upperBound)
            high = inverse(rate.interval.lowerBound)
        }

        /// Of costs over other costs: better where the whole interval lies below one.
        public var verdict: MeasuredDifference.Verdict { high < 1 ? .better : low > 1 ? .worse : .open }
    }

    /// nil without examples, or where some have no cost.
    public init?(costs: [Double?], scores: MetricScores) {
        let known = costs.compactMap { $0 }
        guard scores.metric.countsRightAnswers, !known.isEmpty, known.count == costs.count,
            known.count == scores.tallies.count
        else { return nil }
        self.costs = known
        rights = scores.tallies.map(\.score)
    }

    private func sum(_ values: [Double], _ examples: [Int]) -> Double { examples.reduce(0) { $0 + values[$1] } }

    /// Cost of a right answer. The interval is that of right answers per cost, turned over: it stays sound where resamples have no
    /// right answer.
    public var estimate: Ratio? {
        Bootstrap(exampleCount: costs.count).estimate { examples in
            let cost = sum(costs, examples)
            return cost > 0 ? sum(rights, examples) / cost : 0
        }.map { Ratio(inverting: $0) }
    }

    /// Over the cost of another method's right answer on the same examples, each resample drawn for both. Where neither is ever
    /// right in a resample it tells nothing, and counts as one.
    public func ratio(to other: RightAnswerCost) -> Ratio? {
        guard costs.count == other.costs.count else { return nil }
        return Bootstrap(exampleCount: costs.count).estimate { examples in
            let mine = sum(costs, examples) * sum(other.rights, examples)
            let others = sum(other.costs, examples) * sum(rights, examples)
            return mine + others > 0 ? mine / (mine + others) : 0.5
        }.map { Ratio(ofShare: $0) }
    }
}
