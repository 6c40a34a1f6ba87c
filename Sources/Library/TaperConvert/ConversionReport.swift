internal import Pipeline
internal import Storage
public import TaperRuntime

/// What a conversion would take, estimated; results of earlier runs save time.
public struct ConversionPlan: Sendable {
    /// One stage's share.
    public struct Stage: Sendable {
        public let name: String
        public let seconds: Double
        public let memoryBytes: Int
        public let diskBytes: Int
    }

    public let stages: [Stage]
    public let seconds: Double
    public let memoryBytes: Int
    /// Of intermediate results, and of the bundle.
    public let workBytes: Int
    public let outputBytes: Int
    /// Parts of the recipe that this machine has too little memory for, a sentence each.
    public let leftOut: [String]

    init(_ json: JSONValue) {
        stages = (json["stages"]?.array ?? []).map { stage in
            Stage(
                name: stage["stage"]?.string ?? "", seconds: stage["seconds"]?.double ?? 0,
                memoryBytes: stage["memory_bytes"]?.integer ?? 0, diskBytes: stage["disk_bytes"]?.integer ?? 0)
        }
        seconds = json["seconds"]?.double ?? 0
        memoryBytes = json["memory_bytes"]?.integer ?? 0
        workBytes = json["work_bytes"]?.integer ?? 0
        outputBytes = json["estimated_bytes"]?.integer ?? 0
        leftOut = (json["left_out"]?.array ?? []).compactMap(\.string)
    }
}

/// What a conversion did.
public struct ConversionReport: Sendable {
    public let output: String
    public let byteCount: Int
    public let seconds: Double
    /// Outputs of stages that were made now, and that earlier runs had left.
    public let madeCount: Int
    public let reusedCount: Int
    public let peakMemoryBytes: Int
    /// Found for the tasks of the recipe.
    public let schedules: [StoredSchedule]

    init(_ report: Pipeline.ConversionReport) {
        output = report.output
        byteCount = report.byteCount
        seconds = report.seconds
        madeCount = report.madeCount
        reusedCount = report.reusedCount
        peakMemoryBytes = report.peakResidentBytes
        schedules = report.schedules.map { StoredSchedule($0) }
    }
}
