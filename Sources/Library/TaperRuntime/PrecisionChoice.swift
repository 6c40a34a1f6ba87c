internal import Bundle
internal import Chat
internal import Storage

/// Which precisions an answer is written with.
public enum PrecisionChoice: Hashable, Sendable {
    /// The schedule `default` where the bundle has one, which was calibrated on general text; else the highest precision.
    case automatic
    /// The highest precision throughout.
    case highest
    /// One precision throughout.
    case fixed(Precision)
    /// Steps down at these decode steps.
    case switching([SwitchPoint])
    /// The schedule calibrated for a task: `LanguageModel.Facts.schedules` lists those of the bundle. "static:mail", as answers
    /// name it, is that of the task "mail".
    case schedule(String)
    /// The bundle's learned scheduler, which decides once the prompt has been read.
    case learned
    /// Low precision, and where that is unsure, high precision again, by the rule that the bundle was calibrated for.
    case adaptive

    /// Steps down at points written as "6@0,4@32".
    /// - Throws: `invalidArgument` naming the point at fault.
    public static func switching(_ points: String) throws(TaperError) -> PrecisionChoice {
        .switching(try SwitchPoint.list(points))
    }

    var request: ScheduleRequest {
        switch self {
        case .automatic: .unnamed
        case .highest: .highest
        case .fixed(let precision): .constant(precision.inner)
        case .switching(let points): .switchPoints(points.map(\.description).joined(separator: ","))
        case .schedule(let name): .calibrated(task: PrecisionChoice.task(named: name))
        case .learned: .learned
        case .adaptive: .adaptive
        }
    }

    private static func task(named name: String) -> String {
        let prefix = CalibratedSchedule.labelPrefix
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    }

    /// Whether a bundle has only few of the kind, so that what was read of it is worth keeping.
    var isNamed: Bool {
        switch self {
        case .automatic, .highest, .schedule, .learned, .adaptive: true
        case .fixed, .switching: false
        }
    }
}
