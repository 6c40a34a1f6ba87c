public import Model
public import Storage

/// A decode run as `taper bench` printed it: what it took, and what the runner's own counters say of it.
public struct MeasuredDecode: Sendable {
    public let label: String
    public let trace: PrecisionTrace
    /// Of a decode step, the fastest run's: other programs only ever make one slower.
    public let secondsPerToken: Double
    /// Of all decode steps together.
    public let weightBytes, cacheBytes, multiplications: Int

    /// Beside the same run, simulated.
    public struct Comparison: Sendable {
        public let measured: MeasuredDecode
        public let simulatedSecondsPerToken: Double
        public let weightBytes, cacheBytes, multiplications: Int

        /// Of the simulated time over the measured one.
        public var difference: Double { simulatedSecondsPerToken / measured.secondsPerToken - 1 }
        public var countsAgree: Bool {
            weightBytes == measured.weightBytes && cacheBytes == measured.cacheBytes
                && multiplications == measured.multiplications
        }
    }

    /// - Throws: `badData` when it is no such report, or holds runs of several thread counts.
    public static func read(_ json: JSONValue, place: String) throws(TaperError) -> [MeasuredDecode] {
        func wrong(_ what: String) -> TaperError {
            TaperError(
                .badData, what, at: place, expected: "JSON of a benchmark of a bundle, at one thread count",
                remedy: "Run taper bench BUNDLE with one thread count, and JSON as its form of report")
        }
        guard let depth = json["depth"]?.integer, let steps = json["new_tokens"]?.integer,
            let rows = json["rows"]?.array, depth >= 0, steps >= 1, depth + steps < Simulation.positionLimit
        else { throw wrong("no report of a benchmark") }
        guard Set(rows.map { $0["threads"]?.integer ?? 0 }).count == 1 else {
            throw wrong("runs of several thread counts")
        }
        var all: [MeasuredDecode] = []
        for row in rows {
            let speeds = (row["decode_tokens_per_second"]?.array ?? []).compactMap(\.double)
            guard let label = row["label"]?.string, let speed = speeds.max(), speed > 0,
                let switches = row["switch_points"]?.string, let weights = row["decode_weight_bytes"]?.integer,
                let cache = row["decode_cache_bytes"]?.integer,
                let multiplications = row["decode_multiplications"]?.integer
            else { throw wrong("a row that is no decode run") }
            let schedule = try PrecisionSchedule(parsing: switches, prefillBits: 0, place: place)
            all.append(
                MeasuredDecode(
                    label: label,
                    trace: PrecisionTrace(
                        schedule.prefilled(at: schedule.steps[0].bits), promptTokens: depth + 1, steps: steps),
                    secondsPerToken: 1 / speed, weightBytes: weights, cacheBytes: cache,
                    multiplications: multiplications))
        }
        return all
    }

    /// - Throws: what `Simulation` throws.
    public static func compare(
        _ runs: [MeasuredDecode], _ simulation: Simulation
    ) throws(TaperError) -> [Comparison] {
        var all: [Comparison] = []
        for run in runs {
            let result = try simulation.run(run.trace)
            var work = Work()
            for pass in result.decode { work += pass.work }
            let seconds = result.decode.reduce(0) { $0 + $1.seconds } / Double(result.decode.count)
            all.append(
                Comparison(
                    measured: run, simulatedSecondsPerToken: seconds, weightBytes: work.weightBytes,
                    cacheBytes: work.cacheBytes, multiplications: work.multiplications))
        }
        return all
    }

    public static func table(_ all: [Comparison]) -> (header: [String], rows: [[String]]) {
        let header = ["run", "measured ms/token", "simulated", "difference", "MB of weights", "bytes, multiplications"]
        let rows = all.map { item in
            [
                item.measured.label, fixed(item.measured.secondsPerToken * 1e3, 3),
                fixed(item.simulatedSecondsPerToken * 1e3, 3),
                (item.difference > 0 ? "+" : "") + fixed(item.difference * 100, 1) + "%",
                fixed(Double(item.weightBytes) / 1e6 / Double(item.measured.trace.bitsPerStep.count), 2),
                item.countsAgree ? "equal" : "differ",
            ]
        }
        return (header, rows)
    }

    public static func json(_ all: [Comparison], hardware: HardwareDescription) -> JSONValue {
        func counts(_ weights: Int, _ cache: Int, _ multiplications: Int) -> JSONValue {
            .object([
                .init("weight_bytes", .integer(weights)), .init("cache_bytes", .integer(cache)),
                .init("multiplications", .integer(multiplications)),
            ])
        }
        return .object([
            .init("schema", .string("taper-simulate-measured-1")), .init("hardware", .string(hardware.name)),
            .init(
                "rows",
                .array(
                    all.map { item in
                        let run = item.measured
                        return .object([
                            .init("label", .string(run.label)),
                            .init("measured_seconds_per_token", .number(run.secondsPerToken)),
                            .init("simulated_seconds_per_token", .number(item.simulatedSecondsPerToken)),
                            .init("difference", .number(item.difference)),
                            .init("counted", counts(run.weightBytes, run.cacheBytes, run.multiplications)),
                            .init("simulated", counts(item.weightBytes, item.cacheBytes, item.multiplications)),
                            .init("counts_agree", .bool(item.countsAgree)),
                        ])
                    })),
        ])
    }
}
