public import Storage

/// What a calibration tried and what came of it, for people and reports: any JSON, of which a bundle keeps every byte. The keys
/// that programs go by are named here, once.
public struct ScheduleEvidence: Sendable {
    public var json: JSONValue

    public init(_ json: JSONValue) { self.json = json }

    public enum Key {
        public static let examples = "examples"
        public static let longestAnswer = "longest_answer"
        public static let isWithinTolerance = "within_tolerance"
        public static let schedulesMeasured = "schedules_measured"
        public static let schedulesOfFullGrid = "schedules_of_full_grid"
        public static let decodeSteps = "decode_steps"
        public static let sharedDecodeSteps = "shared_decode_steps"
        public static let standardError = "standard_error"
        public static let isToleranceBelowNoise = "tolerance_below_noise"
        public static let candidates = "candidates"
        public static let cheaperConstant = "cheaper_constant"
    }

    public var examples: Int? { json[Key.examples]?.integer }
    /// New tokens of the longest answer.
    public var longestAnswer: Int? { json[Key.longestAnswer]?.integer }
    /// false: no precision is, and the highest was kept.
    public var isWithinTolerance: Bool { json[Key.isWithinTolerance]?.bool != false }
    public var schedulesMeasured: Int? { json[Key.schedulesMeasured]?.integer }
    public var schedulesOfFullGrid: Int? { json[Key.schedulesOfFullGrid]?.integer }
    public var decodeSteps: Int? { json[Key.decodeSteps]?.integer }
    /// Steps that several schedules had in common.
    public var sharedDecodeSteps: Int? { json[Key.sharedDecodeSteps]?.integer }
    /// Of the chosen schedule's score against the highest precision's.
    public var standardError: Double? { json[Key.standardError]?.double }
    /// Whether the tolerance lies below that error: the examples are too few to tell.
    public var isToleranceBelowNoise: Bool { json[Key.isToleranceBelowNoise]?.bool == true }
    /// A constant precision within the tolerance that reads no more.
    public var cheaperConstant: String? { json[Key.cheaperConstant]?.string }
    public var candidates: [JSONValue] { json[Key.candidates]?.array ?? [] }
}
