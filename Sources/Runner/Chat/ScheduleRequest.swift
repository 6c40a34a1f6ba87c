import Bundle
public import Model
public import Storage

/// How somebody asks for the precisions of decode steps.
public enum ScheduleRequest: Equatable, Sendable {
    /// Nothing was asked.
    case unnamed
    /// The highest precision throughout.
    case highest
    case learned
    /// Precision by need.
    case adaptive
    /// Calibrated for a task; nil where none is named.
    case calibrated(task: String?)
    /// One precision throughout.
    case constant(Precision)
    /// Switch points such as "6@0,4@32".
    case switchPoints(String)

    /// Reads the value of `--schedule`: "static", "static:TASK", "learned", "adaptive" or "fixed".
    /// - Throws: `usage` for anything else.
    public init(parsing text: String, place: String) throws(TaperError) {
        switch text {
        case "fixed": self = .highest
        case "learned": self = .learned
        case "adaptive": self = .adaptive
        case "static": self = .calibrated(task: nil)
        default:
            let task = Array(text.utf8)
            let prefix = Array(CalibratedSchedule.labelPrefix.utf8)
            guard task.starts(with: prefix), task.count > prefix.count else {
                throw TaperError(
                    .usage, "no such schedule", at: place, expected: "static, static:TASK, learned, adaptive or fixed",
                    found: "\"" + printable(text) + "\"",
                    remedy: text.isEmpty || task.contains(0x3a) || task.contains(0x40)
                        ? "" : "If that is a task, write static:" + printable(text))
            }
            self = .calibrated(task: String(decoding: task[prefix.count...], as: UTF8.self))
        }
    }
}
