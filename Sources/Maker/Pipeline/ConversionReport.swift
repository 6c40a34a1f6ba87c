public import Bundle
public import Storage

/// What a conversion did, for people and as JSON.
public struct ConversionReport: Sendable {
    public let output: String
    public let byteCount: Int
    public let seconds: Double
    /// Stage outputs made now and taken from the work folder.
    public let madeCount: Int
    public let reusedCount: Int
    public let peakResidentBytes: Int
    public let quality: JSONValue?
    public let schedules: [CalibratedSchedule]

    public var json: JSONValue {
        .object([
            .init("schema", .string("taper-convert-1")),
            .init("output", .string(output)),
            .init("bytes", .integer(byteCount)),
            .init("seconds", .number(seconds)),
            .init("stage_outputs_made", .integer(madeCount)),
            .init("stage_outputs_reused", .integer(reusedCount)),
            .init("peak_resident_bytes", .integer(peakResidentBytes)),
            .init("quality", quality ?? .null),
            .init("schedules", .array(schedules.map(\.json))),
        ])
    }

    public var lines: [String] {
        [
            "wrote \(output): \(byteText(byteCount)) in \(Progress.duration(seconds)), peak memory "
                + "\(byteText(peakResidentBytes)); \(madeCount) stage outputs made, \(reusedCount) reused"
        ]
    }
}
