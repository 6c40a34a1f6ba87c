public import Model
public import Storage

/// Schedules of a model on one accelerator, beside the same model in 16 bits and beside Baseline-H.
public struct SimulationPlan: Sendable {
    public let shape: ModelShape
    public let hardware: HardwareDescription
    public let schedules: [SimulatedSchedule]

    public init(_ shape: ModelShape, on hardware: HardwareDescription, schedules: [SimulatedSchedule]) {
        precondition(!schedules.isEmpty, "there is nothing to simulate")
        self.shape = shape
        self.hardware = hardware
        self.schedules = schedules
    }

    /// - Throws: what `Simulation` throws.
    public func run(progress: (String) -> Void = { _ in }) throws(TaperError) -> SimulationResult {
        let simulation = try Simulation(shape, on: hardware)
        let half = try Simulation(shape.inHalf, on: hardware)
        for item in schedules.flatMap(\.traces) { try simulation.check(item.trace) }
        func result(_ schedule: SimulatedSchedule, _ simulation: Simulation) throws(TaperError) -> ScheduleResult {
            progress("simulating \(schedule.label)")
            var traces: [TraceResult] = []
            for item in schedule.traces { traces.append(try simulation.run(item.trace)) }
            return ScheduleResult(schedule, traces, on: hardware)
        }
        // Baselines follow the first schedule's likeliest generation, which is where all are as long.
        let longest = schedules[0].traces.max { $0.share < $1.share }
        let steps = longest?.trace.bitsPerStep.count ?? 1
        let prompt = longest?.trace.promptTokens ?? 1
        func constant(_ label: String, _ bits: Precision) -> SimulatedSchedule {
            SimulatedSchedule(label, PrecisionTrace(.constant(bits), promptTokens: prompt, steps: steps))
        }
        let high = schedules.map(\.highest).max() ?? Precision.highest
        let baseline = try result(constant("16 bits", Precision.highest), half)
        let baselineHigh = try result(constant("Baseline-H: \(high.text) bits", high), simulation)
        var rows: [ScheduleResult] = []
        for schedule in schedules { rows.append(try result(schedule, simulation)) }
        return SimulationResult(
            shape: shape, hardware: hardware, half: baseline, baseline: baselineHigh, rows: rows,
            timeline: try simulation.timeline(
                bits: rows[0].traces[0].result.trace.bitsPerStep.last ?? high, position: prompt + steps / 2),
            warnings: warnings)
    }

    /// The shape at each of its nested precisions, ascending.
    public static func constants(
        _ shape: ModelShape, on hardware: HardwareDescription, promptTokens: Int, steps: Int
    ) throws(TaperError) -> [ScheduleResult] {
        let simulation = try Simulation(shape, on: hardware)
        var all: [ScheduleResult] = []
        for bits in shape.nestedPrecisions {
            let trace = PrecisionTrace(.constant(bits), promptTokens: promptTokens, steps: steps)
            all.append(
                ScheduleResult(SimulatedSchedule(bits.label, trace), [try simulation.run(trace)], on: hardware))
        }
        return all
    }

    private var warnings: [String] {
        var all: [String] = []
        let precisions = Array(Set(schedules.flatMap { $0.traces.flatMap(\.trace.precisions) })).sorted()
        let cache = schedules.flatMap { $0.traces.map(\.trace.positions) }.max() ?? 0
        let cacheBytes = cache * shape.config.kvSize * shape.config.layerCount * 4
        func check(_ bytes: Int, _ name: String) {
            guard bytes + cacheBytes > hardware.memory.byteCount else { return }
            all.append(
                "\(name) and \(cache) positions of cache take \(byteText(bytes + cacheBytes)); the memory holds "
                    + "\(byteText(hardware.memory.byteCount)), so these figures are of a larger one")
        }
        check(shape.byteCount(precisions), "the model at \(Precision.text(precisions)) bits")
        check(shape.inHalf.byteCount([Precision.highest]), "the model in 16 bits")
        return all
    }
}

/// What a plan gave.
public struct SimulationResult: Sendable {
    public let shape: ModelShape
    public let hardware: HardwareDescription
    /// The model in 16 bits.
    public let half: ScheduleResult
    /// The highest precision of all schedules, throughout.
    public let baseline: ScheduleResult
    public let rows: [ScheduleResult]
    /// A decode step of the first schedule's last precision, in the middle of the answer.
    public let timeline: Timeline
    public let warnings: [String]

    public var all: [ScheduleResult] { [half, baseline] + rows }

    /// How much faster a token is decoded than by another row.
    public func speedup(_ row: ScheduleResult, over other: ScheduleResult) -> Double {
        other.secondsPerToken / row.secondsPerToken
    }
}
