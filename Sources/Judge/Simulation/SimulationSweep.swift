public import Model
public import Storage

/// The model at single precisions while bandwidth and buffer change: what a board would need.
public struct SimulationSweep: Sendable {
    public private(set) var megabytesPerSecond: [Int]
    public private(set) var bufferByteCounts: [Int]
    public private(set) var precisions: [Precision]

    public struct Row: Sendable {
        public let megabytesPerSecond, bufferByteCount: Int
        /// Over the same bandwidth and buffer with 16 bits.
        public let speedup: Double
        public let result: ScheduleResult
    }

    /// More points than anybody reads.
    private static let limit = 1024

    /// Reads axes such as "bandwidth=25600,51200" (megabytes per second), "buffer=262144" (bytes) and "bits=2-6"; what none names
    /// stays as the hardware has it.
    /// - Throws: `usage` for anything else, for an axis named twice, and for too many points.
    public init(axes: [String], hardware: HardwareDescription, precisions: [Precision], place: String)
        throws(TaperError)
    {
        megabytesPerSecond = [hardware.memory.megabytesPerSecond]
        bufferByteCounts = [hardware.buffer.byteCount]
        self.precisions = precisions
        var named: Set<String> = []
        for axis in axes {
            let parts = axis.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            func wrong() -> TaperError {
                TaperError(
                    .usage, "not an axis", at: place,
                    expected: "bandwidth=MB/S,..., buffer=BYTES,... or bits=LIST, each once",
                    found: "\"" + printable(axis) + "\"")
            }
            guard parts.count == 2, named.insert(parts[0]).inserted else { throw wrong() }
            func integers() throws(TaperError) -> [Int] {
                var all: [Int] = []
                for part in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                    guard let value = Int(part), value > 0 else { throw wrong() }
                    all.append(value)
                }
                return all
            }
            switch parts[0] {
            case "bandwidth": megabytesPerSecond = try integers()
            case "buffer": bufferByteCounts = try integers()
            case "bits": self.precisions = try Precision.list(parsing: parts[1], place: place)
            default: throw wrong()
            }
        }
        let count = megabytesPerSecond.count * bufferByteCounts.count * self.precisions.count
        guard count <= SimulationSweep.limit else {
            throw TaperError(
                .usage, "too many points", at: place, expected: "at most \(SimulationSweep.limit)", found: String(count)
            )
        }
    }

    /// - Throws: `usage` or `badData` for a bandwidth or buffer that no hardware has.
    public func run(
        _ shape: ModelShape, on hardware: HardwareDescription, promptTokens: Int, steps: Int
    ) throws(TaperError) -> [Row] {
        var rows: [Row] = []
        for bandwidth in megabytesPerSecond {
            for buffer in bufferByteCounts {
                var changed = hardware
                changed.memory.megabytesPerSecond = bandwidth
                changed.buffer.byteCount = buffer
                // By way of its file's form, whose ranges hold for what a sweep asks for, too.
                changed = try HardwareDescription(json: changed.json, place: hardware.name)
                func result(_ shape: ModelShape, _ bits: Precision) throws(TaperError) -> ScheduleResult {
                    let trace = PrecisionTrace(.constant(bits), promptTokens: promptTokens, steps: steps)
                    return ScheduleResult(
                        SimulatedSchedule(bits.label, trace), [try Simulation(shape, on: changed).run(trace)],
                        on: changed)
                }
                let half = try result(shape.inHalf, Precision.highest)
                for bits in precisions {
                    let result = try result(shape, bits)
                    rows.append(
                        Row(
                            megabytesPerSecond: bandwidth, bufferByteCount: buffer,
                            speedup: half.secondsPerToken / result.secondsPerToken, result: result))
                }
            }
        }
        return rows
    }

    public static func table(_ rows: [Row]) -> (header: [String], rows: [[String]]) {
        let header = ["precision", "GB/s", "buffer KB", "ms/token", "mJ/token", "over 16 bits", "bound by"]
        let cells = rows.map { row in
            [
                row.result.label, fixed(Double(row.megabytesPerSecond) / 1e3, 1), String(row.bufferByteCount / 1024),
                SimulationReport.significant(row.result.secondsPerToken * 1e3),
                SimulationReport.significant(row.result.joulesPerToken * 1e3), fixed(row.speedup, 2), row.result.bound,
            ]
        }
        return (header, cells)
    }

    public static func json(_ rows: [Row], shape: ModelShape, hardware: HardwareDescription) -> JSONValue {
        .object([
            .init("schema", .string("taper-simulate-sweep-1")), .init("model", .string(shape.name)),
            .init("hardware", .string(hardware.name)),
            .init(
                "rows",
                .array(
                    rows.map { row in
                        .object([
                            .init("megabytes_per_second", .integer(row.megabytesPerSecond)),
                            .init("buffer_bytes", .integer(row.bufferByteCount)),
                            .init("label", .string(row.result.label)),
                            .init("seconds_per_token", .number(row.result.secondsPerToken)),
                            .init("joules_per_token", .number(row.result.joulesPerToken)),
                            .init("speedup_over_16_bits", .number(row.speedup)),
                            .init("bound", .string(row.result.bound)),
                        ])
                    })),
        ])
    }
}
