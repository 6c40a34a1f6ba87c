/// What one answer contributes to a metric.
public struct MetricTally: Sendable, Equatable {
    /// Score of the answer by itself, on the metric's scale; of BLEU that of the sentence, with effective order.
    public let score: Double
    /// What corpus metrics add up instead of scores; nil for the others.
    public let counts: BLEUCounts?

    public init(score: Double, counts: BLEUCounts? = nil) {
        self.score = score
        self.counts = counts
    }
}

extension MetricTally {
    /// What several answers to each example contribute: the mean of their scores, and of corpus metrics the sums.
    /// - Parameter samples: the tallies of all examples, once for every sample.
    public static func means(_ samples: [[MetricTally]]) -> [MetricTally] {
        guard let first = samples.first, samples.count > 1 else { return samples.first ?? [] }
        return first.indices.map { example in
            let own = samples.map { $0[example] }
            let counts: BLEUCounts? = own.compactMap(\.counts).reduce(nil) { sum, more in
                guard var sum else { return more }
                sum += more
                return sum
            }
            return MetricTally(score: own.reduce(0) { $0 + $1.score } / Double(own.count), counts: counts)
        }
    }
}

/// One metric of one model or schedule over the examples of a task.
///
/// A mean of scores or a corpus metric alike: both are functions of sums over examples, so one bootstrap serves both.
public struct MetricScores: Sendable {
    public let metric: TaskMetric
    /// In the examples' order.
    public private(set) var tallies: [MetricTally]

    public init(_ metric: TaskMetric, tallies: [MetricTally] = []) {
        self.metric = metric
        self.tallies = tallies
    }

    public mutating func append(_ tally: MetricTally) { tallies.append(tally) }

    public var isEmpty: Bool { tallies.isEmpty }
    /// The metric over all examples: the mean, or the corpus score.
    public var value: Double { value(of: tallies.indices) }
    /// Larger is better; 1 is the metric's scale.
    public var gain: Double { metric.gain(value) }

    /// The metric of some examples, repeated ones as often as they come.
    func value(of examples: some Sequence<Int>) -> Double {
        var sum = 0.0
        var counts = BLEUCounts()
        var exampleCount = 0
        for example in examples {
            sum += tallies[example].score
            if let more = tallies[example].counts { counts += more }
            exampleCount += 1
        }
        return metric.value(sum: sum, counts: counts, exampleCount: exampleCount)
    }

    /// Value with its uncertainty over examples; nil without examples.
    public func estimate(level: Double = 0.95) -> Estimate? {
        Bootstrap(exampleCount: tallies.count).estimate(level: level) { value(of: $0) }
    }

    /// Percentile interval of the bootstrap; nil without examples.
    public func confidenceInterval(level: Double = 0.95) -> ClosedRange<Double>? {
        estimate(level: level)?.interval
    }

    /// This value less another's on the same examples, each resample drawn for both: what makes examples hard for both cancels.
    ///
    /// Returns nil when there are no examples, or not the same number.
    public func difference(to other: MetricScores, level: Double = 0.95) -> Estimate? {
        precondition(metric == other.metric, "differences are of one metric")
        guard tallies.count == other.tallies.count else { return nil }
        return Bootstrap(exampleCount: tallies.count).estimate(level: level) { value(of: $0) - other.value(of: $0) }
    }
}
