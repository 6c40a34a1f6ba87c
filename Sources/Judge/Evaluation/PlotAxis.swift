import Storage

/// One axis of a plot: the range that holds all values, round ticks, and where a value lies between 0 and 1.
struct PlotAxis {
    struct Tick: Equatable {
        var value: Double
        var label: String
    }
    let isLogarithmic: Bool
    let low: Double
    let high: Double
    let ticks: [Tick]

    /// A little wider than the values on both sides; 5 to 9 ticks a step of 1, 2 or 5 apart.
    static func linear(_ values: [Double]) -> PlotAxis {
        var (low, high) = (values.min() ?? 0, values.max() ?? 1)
        if high <= low { (low, high) = (low - 1, low + 1) }
        let margin = (high - low) * 0.06
        (low, high) = (low > 0 ? max(0, low - margin) : low - margin, high + margin)
        let step = roundStep((high - low) / 8)
        let first = (low / step).rounded(.up)
        let last = (high / step).rounded(.down)
        let digits = max(0, Int((-logarithm(step) / logarithm(10)).rounded(.up)))
        let ticks = stride(from: first, through: last, by: 1).map {
            Tick(value: $0 * step, label: fixed($0 * step, digits))
        }
        return PlotAxis(isLogarithmic: false, low: low, high: high, ticks: ticks)
    }

    /// Positive values only; a little wider than they are. Ticks at 1, 2 and 5 times powers of ten, at the powers alone over
    /// more than three decades, and closer where the range is narrow.
    static func logarithmic(_ values: [Double]) -> PlotAxis {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        var (low, high) = (positive.min() ?? 0.1, positive.max() ?? 1)
        let margin = max(power(high / low, 0.05), 1.02)
        (low, high) = (low / margin, high * margin)
        func decade(_ value: Double) -> Int { Int((logarithm(value) / logarithm(10)).rounded(.down)) }
        func ticks(_ factors: [Double]) -> [Tick] {
            var result: [Tick] = []
            for exponent in decade(low)...decade(high) {
                for factor in factors {
                    let value = factor * power(10, Double(exponent))
                    guard value >= low, value <= high else { continue }
                    var digits = max(0, -exponent)
                    if factor != factor.rounded() { digits += (factor * 10).rounded() == factor * 10 ? 1 : 2 }
                    result.append(Tick(value: value, label: fixed(value, digits)))
                }
            }
            return result
        }
        let fine = stride(from: 100, to: 1000, by: 5).map { Double($0) / 100 }
        let rough = stride(from: 10, to: 100, by: 1).map { Double($0) / 10 }
        var chosen: [Tick] = []
        for factors in [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8], rough, fine] where chosen.count < 4 {
            chosen = ticks(factors)
        }
        return PlotAxis(isLogarithmic: true, low: low, high: high, ticks: chosen)
    }

    /// 0 at the low end, 1 at the high end.
    func place(_ value: Double) -> Double {
        isLogarithmic
            ? logarithm(value / low) / logarithm(high / low) : (value - low) / (high - low)
    }

    private static func roundStep(_ least: Double) -> Double {
        let unit = power(10, (logarithm(least) / logarithm(10)).rounded(.down))
        for factor in [1.0, 2, 5] where factor * unit >= least * 0.999 { return factor * unit }
        return 10 * unit
    }
}
