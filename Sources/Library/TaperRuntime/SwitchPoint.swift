internal import Model

/// The decode step from which on a precision applies. Step 0 reads the first new token and yields the second; the first comes from
/// reading the prompt.
public struct SwitchPoint: Hashable, Sendable, CustomStringConvertible {
    public var precision: Precision
    public var step: Int

    public init(_ precision: Precision, atStep step: Int) {
        self.precision = precision
        self.step = step
    }

    init(_ step: Model.PrecisionSchedule.Step) {
        self.init(Precision(step.bits), atStep: step.fromStep)
    }

    /// "4@32".
    public var description: String { precision.description + "@\(step)" }

    /// Reads "6@0,4.5@32": precisions with the steps they begin at, the first at 0, rising; precisions fall.
    /// - Throws: `invalidArgument` naming the point at fault.
    public static func list(_ text: String) throws(TaperError) -> [SwitchPoint] {
        try translated { () throws(ModuleError) in
            try Model.PrecisionSchedule(parsing: text, prefillBits: Model.Precision.highest, place: "switch points")
                .steps.map { SwitchPoint($0) }
        }
    }
}
