internal import Pipeline

/// Hears how long work gets on.
public typealias ProgressHandler = @Sendable (ConversionEvent) -> Void

/// What long work tells of itself.
public enum ConversionEvent: Sendable {
    case began(stage: String)
    /// A share of the stage, 0 to 1; seconds left of all stages, where they can be told.
    case advanced(stage: String, fraction: Double, secondsLeft: Double?)
    /// With what came of the stage, in words.
    case ended(stage: String, result: String)
    case note(String)
    /// What somebody should know who uses the result.
    case warning(String)

    init(_ event: Pipeline.Progress.Event) {
        self =
            switch event {
            case .began(let stage): .began(stage: stage)
            case .advanced(let stage, let fraction, let left):
                .advanced(stage: stage, fraction: fraction, secondsLeft: left)
            case .ended(let stage, let result): .ended(stage: stage, result: told(result))
            case .note(let text): .note(told(text))
            case .warning(let text): .warning(told(text))
            }
    }
}
