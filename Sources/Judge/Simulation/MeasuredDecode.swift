import Evaluation
public import Model
public import Storage

/// A decode run as `taper bench` printed it: what it took, and what the runner's own counters say of it.
public struct MeasuredDecode: Sendable {
    /// What the runner read and multiplied.
    public struct Counts: Equatable, Sendable {
        public let weightBytes, cacheBytes, multiplications: Int

        /// - Parameter name: what the keys begin with.
        init?(_ json: JSONValue, _ name: String) {
            guard let weights = json[name + "_weight_bytes"]?.integer, let cache = json[name + "_cache_bytes"]?.integer,
                let multiplications = json[name + "_multiplications"]?.integer
            else { return nil }
            (weightBytes, cacheBytes, self.multiplications) = (weights, cache, multiplications)
        }

        init(_ passes: [PassResult]) {
            var work = Work()
            for pass in passes { work += pass.work }
            (weightBytes, cacheBytes, multiplications) = (work.weightBytes, work.cacheBytes, work.multiplications)
        }

        var json: JSONValue {
            .object([
                .init("weight_bytes", .integer(weightBytes)), .init("cache_bytes", .integer(cacheBytes)),
                .init("multiplications", .integer(multiplications)),
            ])
        }
    }

    public let label: String
    public let trace: PrecisionTrace
    /// Of a decode step, the median: parts are described by medians, too.
    public let secondsPerToken: Double
    /// Of all decode steps together.
    public let counts: Counts
    /// A prompt that was read apart, with what that took; nil where none was.
    public let prompt: (tokens: Int, bits: Precision, counts: Counts)?

    /// Beside the same run, simulated.
    public struct Comparison: Sendable {
        public let measured: MeasuredDecode
        public let simulatedSecondsPerToken: Double
        public let counts: Counts
        /// Of the prompt, where one was read.
        public let promptCounts: Counts?

        /// Of the simulated time over the measured one.
        public var difference: Double { simulatedSecondsPerToken / measured.secondsPerToken - 1 }
        public var countsAgree: Bool { counts == measured.counts && promptCounts == measured.prompt?.counts }
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
            let runs = (row["step_seconds"]?.array ?? []).compactMap(\.double)
            guard let label = row["label"]?.string, let seconds = median(runs), seconds > 0,
                let switches = row["switch_points"]?.string, let counts = Counts(row, "decode")
            else { throw wrong("a row that is no decode run") }
            let schedule = try PrecisionSchedule(parsing: switches, prefillBits: 0, place: place)
            let first = schedule.steps[0].bits
            var prompt: (tokens: Int, bits: Precision, counts: Counts)?
            if let tokens = json["prompt_tokens"]?.integer, (1..<Simulation.positionLimit).contains(tokens) {
                guard let counts = Counts(row, "prefill"), let bits = Precision(json: row["prefill_bits"]) else {
                    throw wrong("a row that is no run of a prompt")
                }
                prompt = (tokens, bits, counts)
            }
            all.append(
                MeasuredDecode(
                    label: label,
                    trace: PrecisionTrace(schedule.prefilled(at: first), promptTokens: depth + 1, steps: steps),
                    secondsPerToken: seconds, counts: counts, prompt: prompt))
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
            let seconds = result.decode.reduce(0) { $0 + $1.seconds } / Double(result.decode.count)
            var promptCounts: Counts?
            if let prompt = run.prompt {
                let trace = PrecisionTrace(
                    promptTokens: prompt.tokens, prefillBits: prompt.bits, bitsPerStep: [prompt.bits])
                promptCounts = Counts(try simulation.run(trace).prefill)
            }
            all.append(
                Comparison(
                    measured: run, simulatedSecondsPerToken: seconds, counts: Counts(result.decode),
                    promptCounts: promptCounts))
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
                fixed(Double(item.counts.weightBytes) / 1e6 / Double(item.measured.trace.bitsPerStep.count), 2),
                item.countsAgree ? "equal" : "differ",
            ]
        }
        return (header, rows)
    }

    public static func json(_ all: [Comparison], hardware: HardwareDescription) -> JSONValue {
        return .object([
            .init("schema", .string("taper-simulate-measured-1")), .init("hardware", .string(hardware.name)),
            .init(
                "rows",
                .array(
                    all.map { item in
                        let run = item.measured
                        var members: [JSONValue.Member] = [
                            .init("label", .string(run.label)),
                            .init("measured_seconds_per_token", .number(run.secondsPerToken)),
                            .init("simulated_seconds_per_token", .number(item.simulatedSecondsPerToken)),
                            .init("difference", .number(item.difference)),
                            .init("counted", run.counts.json), .init("simulated", item.counts.json),
                            .init("counts_agree", .bool(item.countsAgree)),
                        ]
                        if let prompt = run.prompt, let simulated = item.promptCounts {
                            members += [
                                .init("prompt_counted", prompt.counts.json), .init("prompt_simulated", simulated.json),
                            ]
                        }
                        return .object(members)
                    })),
        ])
    }
}
