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

    /// From a round number below all values to one above, 5 to 9 ticks a step of 1, 2 or 5 apart.
    static func linear(_ values: [Double]) -> PlotAxis {
        var (low, high) = (values.min() ?? 0, values.max() ?? 1)
        if high <= low { (low, high) = (low - 1, low + 1) }
        let step = roundStep((high - low) / 6)
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        let digits = max(0, Int((-logarithm(step) / logarithm(10)).rounded(.up)))
        let ticks = stride(from: first, through: last, by: 1).map {
            Tick(value: $0 * step, label: fixed($0 * step, digits))
        }
        return PlotAxis(isLogarithmic: false, low: first * step, high: last * step, ticks: ticks)
    }

    /// Positive values only. Ticks at 1, 2 and 5 times powers of ten; at the powers alone over more than three decades.
    static func logarithmic(_ values: [Double]) -> PlotAxis {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let (low, high) = (positive.min() ?? 0.1, positive.max() ?? 1)
        let decades = logarithm(high / low) / logarithm(10)
        let factors =
            decades > 3 ? [1.0] : decades > 0.4 ? [1, 2, 5] : [1, 1.1, 1.2, 1.3, 1.5, 1.7, 2, 3, 4, 5, 6, 7, 8, 9]
        var candidates: [Tick] = []
        let first = Int((logarithm(low) / logarithm(10)).rounded(.down)) - 1
        let last = Int((logarithm(high) / logarithm(10)).rounded(.up)) + 1
        for exponent in first...last {
            for factor in factors {
                let digits = max(0, -exponent) + (factor == factor.rounded() ? 0 : 1)
                // Decimal text first: the nearest double of 2 x 10^-2 and not a product.
                let unit = power(10, Double(exponent))
                candidates.append(Tick(value: factor * unit, label: fixed(factor * unit, digits)))
            }
        }
        // One tick at or below all values and one at or above, however they round.
        let start = candidates.lastIndex { $0.value <= low * 1.0001 } ?? 0
        let end = candidates.firstIndex { $0.value >= high * 0.9999 } ?? candidates.count - 1
        let ticks = Array(candidates[start...max(start, end)])
        let (bottom, top) = (ticks[0].value, ticks[ticks.count - 1].value)
        return PlotAxis(
            isLogarithmic: true, low: bottom, high: top > bottom ? top : bottom * 10, ticks: ticks)
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
