public import Model

/// What a schedule costs, in expectation over its traces; of decode steps where nothing else is said.
public struct ScheduleResult: Sendable {
    public let label: String
    public let averageBits: Double
    public let prefillSeconds: Double
    public let prefillJoules: Double
    public let secondsPerToken: Double
    public let joulesPerToken: Double
    /// Bytes over the channel.
    public let bytesPerToken: Double
    /// Of those, centroids and their scales.
    public let tableBytesPerToken: Double
    public let cacheBytesPerToken: Double
    public let multiplicationsPerToken: Double
    /// Shares of the time in which the channel, the multipliers, the vector unit work.
    public let channelShare, multiplierShare, vectorShare: Double
    /// Mean of all switches after the first step; nil without one.
    public let switchSeconds: Double?
    /// Prompt and answer together.
    public let generationSeconds: Double
    public let traces: [(share: Double, result: TraceResult)]

    public var tokensPerSecond: Double { 1 / secondsPerToken }
    /// Multiplications per byte.
    public var intensity: Double { multiplicationsPerToken / bytesPerToken }
    public var multiplicationsPerSecond: Double { multiplicationsPerToken / secondsPerToken }
    public var tableShare: Double { tableBytesPerToken / bytesPerToken }
    /// What works most of the time.
    public var bound: String {
        channelShare >= max(multiplierShare, vectorShare)
            ? "memory" : multiplierShare >= vectorShare ? "multipliers" : "vector unit"
    }

    init(_ schedule: SimulatedSchedule, _ results: [TraceResult], on hardware: HardwareDescription) {
        traces = zip(schedule.traces, results).map { (share: $0.share, result: $1) }
        /// Expectation of a sum over a trace's passes.
        func sum(_ passes: KeyPath<TraceResult, [PassResult]>, _ value: (PassResult) -> Double) -> Double {
            zip(schedule.traces, results).reduce(0) { total, item in
                total + item.0.share * item.1[keyPath: passes].reduce(0) { $0 + value($1) }
            }
        }
        let steps = sum(\.decode) { _ in 1 }
        func mean(_ value: (PassResult) -> Double) -> Double { sum(\.decode, value) / steps }
        func joules(_ pass: PassResult) -> Double { pass.work.energy(on: hardware, seconds: pass.seconds) }
        label = schedule.label
        averageBits = mean { $0.precision.bits }
        prefillSeconds = sum(\.prefill) { $0.seconds }
        prefillJoules = sum(\.prefill, joules)
        secondsPerToken = mean { $0.seconds }
        joulesPerToken = mean(joules)
        bytesPerToken = mean { Double($0.work.movedBytes) }
        tableBytesPerToken = mean { Double($0.work.tableBytes) }
        cacheBytesPerToken = mean { Double($0.work.cacheBytes) }
        multiplicationsPerToken = mean { Double($0.work.multiplications) }
        channelShare = mean { $0.channelSeconds } / secondsPerToken
        multiplierShare = mean { $0.multiplierSeconds } / secondsPerToken
        vectorShare = mean { $0.vectorSeconds } / secondsPerToken
        let costs = results.flatMap { $0.switches.map(\.seconds) }
        switchSeconds = costs.isEmpty ? nil : costs.reduce(0, +) / Double(costs.count)
        generationSeconds = prefillSeconds + sum(\.decode) { $0.seconds }
    }
}
