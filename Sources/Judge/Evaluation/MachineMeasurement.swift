public import Kernels
public import Storage

/// What this machine's parts can do by themselves: what a simulation of it goes by, which is to be compared with whole decode steps.
public struct MachineMeasurement: Sendable {
    /// Multiplications per second of weights in the cache with one token, by bits of a weight; 16 are halves.
    public let multiplicationsPerSecond: [Int: Double]
    /// Multiplications per second of attention over a cache of keys and values that lies in the processor's.
    public let attentionPerSecond: Double
    /// From the call of products to their first multiplication.
    public let secondsPerOperation: Double
    /// Elements of a norm per second.
    public let normElementsPerSecond: Double

    /// Long enough that the clock does not matter, short enough for a few rounds.
    private static let secondsPerRound = 0.02
    private static let rounds = 5

    /// - Parameter precisions: ascending, each 2 to 8 or 16.
    /// - Throws: `inputOutput` without memory, `interrupted`.
    public init(precisions: [Int], pool: ThreadPool) throws(TaperError) {
        // Two sizes with equal columns tell what a call costs from what a row costs; both fit a second-level cache.
        let columns = 1024
        let (few, many) = (128, 512)
        func workload(_ rows: Int) throws(TaperError) -> KernelWorkload {
            try KernelWorkload(
                groups: [.init(rows: [rows], columns: columns)], precisions: precisions, bytesPerPass: 1, pool: pool)
        }
        let (small, large) = (try workload(few), try workload(many))
        var rates: [Int: Double] = [:]
        var calls: [Double] = []
        for bits in precisions {
            let one = try MachineMeasurement.seconds { small.run(step: 0, bits: bits, pool: pool) }
            let other = try MachineMeasurement.seconds { large.run(step: 0, bits: bits, pool: pool) }
            let perRow = max((other - one) / Double(many - few), 1e-12)
            rates[bits] = Double(columns) / perRow
            calls.append(max(0, one - perRow * Double(few)))
        }
        multiplicationsPerSecond = rates
        secondsPerOperation = median(calls) ?? 0
        attentionPerSecond = try MachineMeasurement.attention(pool)
        normElementsPerSecond = try MachineMeasurement.norm(pool)
    }

    /// Of one call: the fastest round, since other programs only ever make it slower.
    private static func seconds(_ body: () -> Void) throws(TaperError) -> Double {
        body()
        var best = Double.infinity
        for _ in 0..<rounds {
            try Interrupt.check("Nothing was written")
            let start = monotonicSeconds()
            var count = 0
            while monotonicSeconds() - start < secondsPerRound {
                for _ in 0..<16 { body() }
                count += 16
            }
            best = min(best, (monotonicSeconds() - start) / Double(count))
        }
        return best
    }

    /// Nine heads of 64 elements that share three of keys, over some hundred positions.
    private static func attention(_ pool: ThreadPool) throws(TaperError) -> Double {
        let (heads, kvHeads, size, few, many) = (9, 3, 64, 128, 512)
        let halves = kvHeads * size * many
        let memory = try MemoryBlock(
            byteCount: (halves * 2 + heads * size * 4) * 2, dense: true, purpose: "measuring attention",
            remedy: "Close other programs")
        UnsafeMutableRawBufferPointer(start: memory.base, count: memory.byteCount).initializeMemory(
            as: UInt8.self, repeating: 0)
        let query = memory.values(Float.self, count: heads * size)
        let output = memory.values(Float.self, at: heads * size * 4, count: heads * size)
        let first = heads * size * 8
        let layer = KVLayer(
            keys: memory.values(UInt16.self, at: first, count: halves),
            values: memory.values(UInt16.self, at: first + halves * 2, count: halves), capacity: many,
            kvHeads: kvHeads, headSize: size)
        func over(_ positions: Int) throws(TaperError) -> Double {
            try seconds {
                Kernels.attention(
                    query: query, tokens: 1, firstPosition: positions - 1, cache: layer, heads: heads, scale: 0.125,
                    cap: 0, output: output, pool: pool)
            }
        }
        let perPosition = max((try over(many)) - (try over(few)), 1e-12) / Double(many - few)
        return Double(2 * heads * size) / perPosition
    }

    private static func norm(_ pool: ThreadPool) throws(TaperError) -> Double {
        let columns = 2048
        let memory = try MemoryBlock(
            byteCount: columns * 12, dense: true, purpose: "measuring norms", remedy: "Close other programs")
        let all = memory.values(Float.self, count: columns * 3)
        all.update(repeating: 1, count: columns * 3)
        let operations = VectorOps(pool)
        let call = try seconds {
            operations.rmsNorm(
                all, weight: all + columns, epsilon: 1e-5, tokens: 1, columns: columns, into: all + 2 * columns)
        }
        return Double(columns) / call
    }
}
