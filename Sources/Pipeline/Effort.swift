import Quantization

/// How much time the quantizer may take for quality.
public enum Effort: String, CaseIterable, Sendable {
    /// Codes from k-means, tables as they come: seconds.
    case fast
    /// Joint codes and a short tuning of the tables: minutes for a model of a hundred million weights.
    case `default`
    /// The same with four times the steps and more text: within an hour for such a model.
    case best

    public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Steps and learning rates of every precision; few bits gain most, so they get most of the time.
    func plans(_ precisions: [Int]) -> [TuningPlan] {
        guard self != .fast else { return [] }
        return precisions.map { bits in
            let (steps, rate): (Int, Double) =
                switch bits {
                case 2: (60, 0.008)
                case 3: (40, 0.004)
                case 4: (30, 0.002)
                case 5: (20, 0.0015)
                default: (12, 0.001)
                }
            return TuningPlan(bits: bits, steps: self == .best ? steps * 4 : steps, rate: rate)
        }
    }

    /// Sequences of calibration text that tuning may take its steps from.
    var tuningSequences: Int { self == .best ? 256 : 64 }
}
