public import Runtime
public import Bundle
public import Model
public import Storage

/// Which schedule of a bundle applies, and why: the one rule, which every program goes by.
///
/// Switch points hold for texts like those that they were found on. So a task's schedule applies only where somebody names it.
/// Where nothing is named, the schedule `default` applies, which is calibrated on general text, and without one the
/// highest precision throughout.
public struct ScheduleChoice: Sendable {
    public let scheduler: DecodeScheduler
    /// "fixed", "switch", "learned", "adaptive" or "static:TASK".
    public let name: String
    /// Why it is this one, in a few words.
    public let reason: String
    /// New tokens that the longest answer could have when it was calibrated or trained; nil where nothing was measured.
    public let calibratedTokens: Int?

    /// - Parameters:
    ///   - prefill: precision that reads prompts; nil for the schedule's own, or the highest.
    ///   - place: what the request came by; also the reason given.
    /// - Throws: `usage` when the bundle lacks what was asked for, or one of its precisions; `badData` for damaged schedules.
    public init(
        _ request: ScheduleRequest, of bundle: Bundle, prefill: Precision? = nil, place: String = field("schedule")
    ) throws(TaperError) {
        let served = try bundle.servedPrecisions()
        guard let highest = served.last else {
            throw TaperError(.badData, "the bundle has no precision", at: bundle.path)
        }
        func checked(_ schedule: PrecisionSchedule) throws(TaperError) -> DecodeScheduler {
            try schedule.check(served: served, place: bundle.path)
            return .fixed(schedule)
        }
        func calibrated(_ record: CalibratedSchedule, _ reason: String) throws(TaperError) -> ScheduleChoice {
            ScheduleChoice(
                try checked(record.schedule.prefilled(at: prefill)), record.label, reason,
                record.maxNewTokens)
        }
        switch request {
        case .unnamed:
            let all = try bundle.schedules()
            if let general = all.first(where: { $0.isGeneral }) {
                self = try calibrated(general, "none named: the default")
                return
            }
            var reason = "none named"
            if !all.isEmpty { reason += "; for its task there is static:" + ScheduleChoice.names(all, ", static:") }
            self.init(try checked(.constant(highest, prefillBits: prefill)), "fixed", reason, nil)
        case .highest:
            self.init(try checked(.constant(highest, prefillBits: prefill)), "fixed", "named", nil)
        case .constant(let bits):
            self.init(try checked(.constant(bits, prefillBits: prefill)), "fixed", worded(place), nil)
        case .switchPoints(let text):
            let schedule = try PrecisionSchedule(parsing: text, prefillBits: prefill ?? highest, place: place)
            self.init(try checked(schedule), "switch", worded(place), nil)
        case .learned:
            guard let learned = try bundle.learnedScheduler() else {
                throw TaperError(
                    .usage, "the bundle has no learned scheduler", at: place,
                    remedy: "Train one by calibration with " + field("learned") + ", or choose another schedule")
            }
            // Its own precisions were checked when it was read.
            let bits = prefill ?? learned.prefillBits
            _ = try checked(.constant(bits))
            self.init(.learned(learned, prefillBits: bits), "learned", "named", learned.maxNewTokens)
        case .adaptive:
            guard let adaptive = try bundle.adaptiveSchedule() else {
                throw TaperError(
                    .usage, "the bundle has no rule for precision by need", at: place,
                    remedy: "Find one by calibration with " + field("adaptive") + ", or choose another schedule")
            }
            var rule = adaptive.rule
            if let prefill {
                _ = try checked(.constant(prefill))
                rule.prefill = prefill
            }
            self.init(.adaptive(rule), "adaptive", "named", nil)
        case .calibrated(let task?):
            let all = try bundle.schedules()
            guard let record = all.first(where: { $0.task == task }) else {
                throw TaperError(
                    .usage, "the bundle has no schedule for this task", at: place,
                    expected: all.isEmpty ? "calibration first" : "one of " + ScheduleChoice.names(all, ", "),
                    found: "\"" + printable(task) + "\"")
            }
            self = try calibrated(record, "named")
        case .calibrated(nil):
            let all = try bundle.schedules()
            if let general = all.first(where: { $0.isGeneral }) {
                self = try calibrated(general, "the default")
            } else if let only = all.first, all.count == 1 {
                // Somebody who asks for the calibrated schedule of a bundle with one can mean no other.
                self = try calibrated(only, "the bundle's only one")
            } else {
                throw TaperError(
                    .usage, all.isEmpty ? "the bundle has no calibrated schedule" : "the bundle has several schedules",
                    at: place,
                    remedy: all.isEmpty
                        ? "Make one with taper calibrate" : "Name one: " + ScheduleChoice.names(all, ", "))
            }
        }
    }

    private init(_ scheduler: DecodeScheduler, _ name: String, _ reason: String, _ calibratedTokens: Int?) {
        self.scheduler = scheduler
        self.name = name
        self.reason = reason
        self.calibratedTokens = calibratedTokens
    }

    private static func names(_ schedules: [CalibratedSchedule], _ separator: String) -> String {
        var text = ""
        for schedule in schedules { text += (text.isEmpty ? "" : separator) + printable(schedule.task) }
        return text
    }

    /// What is to be said of answers longer than any that the schedule was calibrated on; nil when there is nothing.
    ///
    /// Precision never rises, so such an answer goes on at the precision it has reached.
    public func warning(newTokens: Int) -> String? {
        guard let calibratedTokens, newTokens > calibratedTokens else { return nil }
        return "the schedule " + name + " was calibrated on answers of at most " + String(calibratedTokens)
            + " tokens; after them the last precision is held, whose effect was not measured"
    }
}
