public import ArgumentParser
import Bundle
import Chat
public import Model
import Runtime
import Storage

extension Precision: ExpressibleByArgument {
    /// "4" or "3.5".
    public init?(argument: String) { self.init(text: argument) }
}

/// Precisions that the command line asks a bundle for.
enum PrecisionChoice {
    /// The precision asked for, if the bundle serves it; otherwise its highest.
    static func check(_ bits: Precision?, _ bundle: Bundle) throws(TaperError) -> Precision {
        let available = try bundle.servedPrecisions()
        guard let bits else { return available.last ?? 8 }
        try bits.check(served: available, place: bundle.path)
        return bits
    }

    /// Those of "2-6" or "2,3.5", all of which the bundle must serve, or everything it serves; ascending.
    static func list(_ text: String?, _ bundle: Bundle) throws(TaperError) -> [Precision] {
        guard let text else { return try bundle.servedPrecisions() }
        let all = try Precision.list(parsing: text, place: "--bits")
        for bits in all { _ = try check(bits, bundle) }
        return all
    }

    /// A schedule known before the prompt: "6@0,4@32", or what `--schedule` of the runner takes but "learned" and "adaptive".
    static func schedule(
        _ text: String, _ bundle: Bundle, prefill: Precision? = nil
    ) throws(TaperError) -> (label: String, schedule: PrecisionSchedule) {
        let place = "--schedule"
        let isSteps = text.contains("@") && !text.hasPrefix(CalibratedSchedule.labelPrefix)
        let request = isSteps ? .switchPoints(text) : try ScheduleRequest(parsing: text, place: place)
        // Whether the bundle has one does not matter here.
        let choice: ScheduleChoice? =
            request == .learned || request == .adaptive
            ? nil : try ScheduleChoice(request, of: bundle, prefill: prefill, place: place)
        guard let choice, case .fixed(let schedule) = choice.scheduler else {
            throw TaperError(
                .usage, "the schedule " + (choice?.name ?? text) + " is not known before an answer is written",
                at: place,
                remedy: "Compare it by taper eval schedules; a learned one also where answers are generated")
        }
        return (isSteps ? text : choice.name, schedule)
    }
}
