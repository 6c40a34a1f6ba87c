import Kernels
public import Storage

/// What the decode products of one part of a block cost at one precision, or at two for half of the steps each.
public struct KernelTiming: Sendable {
    public let shape: String
    public let part: KernelShape.Part
    public let threads: Int
    /// One precision, or the higher and the lower of a 50% step-down.
    public let bits: [Int]
    /// Mean bytes a step reads: codes and tables, or halves.
    public let bytesPerStep: Double
    /// One value per round, each the mean over a pass.
    public fileprivate(set) var secondsPerStep: [Double] = []
    /// Over 16 bits in the same round.
    public fileprivate(set) var speedup: [Double] = []
    /// What plainly reading the same memory reached right after, in bytes per second.
    public fileprivate(set) var readSpeed: [Double] = []

    public var label: String { bits.map(String.init).joined(separator: " then ") + " bits" }
    public var medianSpeedup: Double { KernelTiming.median(speedup) }
    public var medianSeconds: Double { KernelTiming.median(secondsPerStep) }
    /// Bytes per second.
    public var medianSpeed: Double { bytesPerStep / max(medianSeconds, 1e-12) }
    public var medianShare: Double {
        KernelTiming.median(zip(secondsPerStep, readSpeed).map { bytesPerStep / $0 / $1 })
    }

    static func median(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.sorted()[values.count / 2] }
}

/// Compares precisions with 16 bits on the decode products of a block's attention and MLP projections, one token at a time,
/// with random weights (the comparison of Chen et al., arXiv 2410.13461, figure 5, there on GPUs).
public struct KernelBenchmark {
    /// Besides 16, which is the measure of all others.
    public var precisions = [8, 6, 5, 4, 3, 2]
    /// 50% step-downs: half of the steps at the first, half at the second.
    public var stepDowns = [[4, 3], [4, 2], [3, 2]]
    public var threads = [1]
    /// Rounds that count; one more warms up.
    public var rounds = 5
    /// More than any cache holds, so that weights come from memory as they do in decoding a whole model.
    public var bytesPerPass = 512 << 20

    public init() {}

    /// Every precision once a round, in turn, so that what else the machine does hits all alike; the memory is read beside
    /// each.
    /// - Throws: `inputOutput` without enough memory, and on interruption.
    public func run(_ shape: KernelShape, _ part: KernelShape.Part) throws(TaperError) -> [KernelTiming] {
        guard rounds >= 1, bytesPerPass >= 1, stepDowns.allSatisfy({ $0.count == 2 }),
            (precisions + stepDowns.flatMap { $0 }).allSatisfy({ BitWidth.isNested($0) })
        else {
            throw TaperError(.usage, "precisions compared with 16 bits are 2 to 8, rounds at least 1", at: "bench")
        }
        let held = Set(precisions + stepDowns.flatMap { $0 } + [BitWidth.half]).sorted()
        let most = try ThreadPool(threadCount: threads.max() ?? 1)
        let work = try KernelWorkload(
            groups: shape.groups(part), precisions: held, bytesPerPass: bytesPerPass, pool: most)
        var all: [KernelTiming] = []
        for count in threads {
            let pool = try ThreadPool(threadCount: count)
            var timings = ([[BitWidth.half]] + precisions.map { [$0] } + stepDowns).map { bits in
                let bytes = bits.map { work.bytesPerStep(bits: $0) }.reduce(0, +)
                return KernelTiming(
                    shape: shape.name, part: part, threads: count, bits: bits,
                    bytesPerStep: Double(bytes) / Double(bits.count))
            }
            for round in 0...rounds {
                var reference = 0.0
                for index in timings.indices {
                    try Interrupt.check("Nothing was written")
                    let seconds = measure(work, timings[index].bits, pool)
                    if index == 0 { reference = seconds }
                    let start = monotonicSeconds()
                    let bytes = work.read(byteCount: min(bytesPerPass, 256 << 20), pool: pool)
                    let read = Double(bytes) / (monotonicSeconds() - start)
                    guard round > 0 else { continue }
                    timings[index].secondsPerStep.append(seconds)
                    timings[index].speedup.append(reference / seconds)
                    timings[index].readSpeed.append(read)
                }
            }
            all += timings
        }
        return all
    }

    /// Seconds per step of a pass; of a step-down, all steps at the higher bits, then as many at the lower.
    private func measure(_ work: KernelWorkload, _ bits: [Int], _ pool: ThreadPool) -> Double {
        let steps = bits.map { work.copyCount(bits: $0) }.max() ?? 1
        let start = monotonicSeconds()
        for precision in bits { for step in 0..<steps { work.run(step: step, bits: precision, pool: pool) } }
        return (monotonicSeconds() - start) / Double(steps * bits.count)
    }
}
