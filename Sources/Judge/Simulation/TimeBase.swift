import Storage

/// Time in whole ticks, of which a byte on the channel and a cycle of the clock are both whole numbers: nothing is rounded, so
/// limits by bandwidth and by multipliers hold exactly.
struct TimeBase: Equatable {
    let ticksPerMicrosecond: Int
    let ticksPerByte: Int
    let ticksPerCycle: Int
    /// Rounded up to whole cycles.
    let latency: Int

    /// Far enough from overflow for passes of a quarter of an hour.
    private static let limit = 10_000_000_000

    /// - Throws: `badData` when bandwidth and clock have hardly a common measure.
    init(_ hardware: HardwareDescription, place: String) throws(TaperError) {
        let (bandwidth, clock) = (hardware.memory.megabytesPerSecond, hardware.clockMegahertz)
        let common = bandwidth / TimeBase.divisor(bandwidth, clock) * clock
        guard common <= TimeBase.limit else {
            throw TaperError(
                .badData, "\"megabytes_per_second\" and \"clock_mhz\" have too small a common divisor", at: place,
                expected: "a least common multiple of at most \(TimeBase.limit)", found: String(common),
                remedy: "Round the bandwidth to hundreds of megabytes")
        }
        ticksPerMicrosecond = common
        ticksPerByte = common / bandwidth
        ticksPerCycle = common / clock
        latency = divided(hardware.memory.latencyNanoseconds * clock, by: 1000) * ticksPerCycle
    }

    private static func divisor(_ first: Int, _ second: Int) -> Int {
        var (a, b) = (first, second)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    func seconds(_ ticks: Int) -> Double { Double(ticks) / (Double(ticksPerMicrosecond) * 1e6) }
}
