import Storage

/// A figure over a sample of examples, and how far another sample's might lie from it.
public struct Estimate: Sendable, Equatable {
    public let value: Double
    /// Standard deviation over resamples; zero for a single example.
    public let standardError: Double
    /// Percentile interval.
    public let interval: ClosedRange<Double>
    /// Share of the resamples that the interval covers.
    public let level: Double

    /// Whether zero lies outside the interval.
    public var excludesZero: Bool { !interval.contains(0) }
}

/// Resampling of examples with replacement (Efron 1979; Koehn 2004 for corpus metrics and pairs).
///
/// Resamples depend on nothing but the number of examples and of rounds, so that the same examples give the same figures
/// anywhere, and figures of the same examples are paired by construction.
public struct Bootstrap: Sendable {
    public let exampleCount: Int
    public let rounds: Int

    /// - Parameter rounds: 1000 leave an error of about 2% in the standard error, and 25 resamples in each tail of 95%.
    public init(exampleCount: Int, rounds: Int = 1000) {
        precondition(exampleCount >= 0 && rounds >= 2, "a bootstrap needs two rounds")
        self.exampleCount = exampleCount
        self.rounds = rounds
    }

    /// Value of `figure` on all examples with standard error and percentile interval; nil without examples.
    ///
    /// - Parameter figure: of the examples whose indices it gets, repeated as drawn; defined for every non-empty selection.
    public func estimate(level: Double = 0.95, _ figure: ([Int]) -> Double) -> Estimate? {
        precondition(level > 0 && level < 1, "the level is a share")
        guard exampleCount > 0 else { return nil }
        let value = figure(Array(0..<exampleCount))
        guard exampleCount > 1 else {
            return Estimate(value: value, standardError: 0, interval: value...value, level: level)
        }
        var generator = RandomGenerator(seed: 0x7461_7065_72)
        var drawn = [Int](repeating: 0, count: exampleCount)
        var values: [Double] = []
        values.reserveCapacity(rounds)
        for _ in 0..<rounds {
            for index in drawn.indices { drawn[index] = Int(generator.next() % UInt64(exampleCount)) }
            values.append(figure(drawn))
        }
        let mean = values.reduce(0, +) / Double(rounds)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rounds - 1)
        values.sort()
        let tail = (1 - level) / 2
        return Estimate(
            value: value, standardError: variance.squareRoot(),
            interval: Self.quantile(values, tail)...Self.quantile(values, 1 - tail), level: level)
    }

    /// Linear between the two nearest of the ascending values.
    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let position = share * Double(sorted.count - 1)
        let low = Int(position)
        guard low + 1 < sorted.count else { return sorted[sorted.count - 1] }
        return sorted[low] + (sorted[low + 1] - sorted[low]) * (position - Double(low))
    }
}

extension Bootstrap {
    /// Mean of some values with its uncertainty.
    public static func mean(_ values: [Double], level: Double = 0.95) -> Estimate? {
        Bootstrap(exampleCount: values.count).estimate(level: level) { drawn in
            drawn.reduce(0) { $0 + values[$1] } / Double(drawn.count)
        }
    }
}
