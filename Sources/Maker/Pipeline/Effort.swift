import Quantization

/// How much time the quantizer may take for quality.
public enum Effort: String, CaseIterable, Sendable {
    /// Codes from k-means, tables as they come: seconds.
    case fast
    /// Joint codes and a short tuning of the tables: minutes for a model of a hundred million weights.
    case `default`
    /// The same with five times the steps and more text: within an hour for such a model.
    case best

    public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Steps and learning rates of every precision; few bits gain most, so they get most of the time, and short runs at 5 and 6
    /// bits gain nothing. The longer, the lower the rates that end best, but at 2 bits, where tables have far to go.
    func plans(_ precisions: [Int]) -> [TuningPlan] {
        guard self != .fast else { return [] }
        let isBest = self == .best
        return precisions.map { bits in
            switch bits {
            case 2: TuningPlan(bits: bits, steps: isBest ? 240 : 60, rate: 0.008)
            case 3: TuningPlan(bits: bits, steps: isBest ? 180 : 40, rate: isBest ? 0.003 : 0.004)
            case 4: TuningPlan(bits: bits, steps: isBest ? 180 : 30, rate: isBest ? 0.0012 : 0.0015)
            case 5: TuningPlan(bits: bits, steps: isBest ? 150 : 0, rate: 0.0007)
            default: TuningPlan(bits: bits, steps: isBest ? 80 : 0, rate: 0.0004)
            }
        }.filter { $0.steps > 0 }
    }

    /// Sequences of calibration text that tuning may take its steps from.
    var tuningSequences: Int { self == .best ? 256 : 64 }
}
