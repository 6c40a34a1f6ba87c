import Decoding
public import Kernels
public import Model
public import Runtime
public import Storage

/// What this machine's parts do by themselves beside the products of a model: sampled between measurements of whole steps, so
/// that whatever else the machine does hits all alike.
///
/// Every sample is the median of short repetitions: most of them are too short to be interrupted, as most steps are.
public struct MachineMeasurement {
    /// Seconds of attention over the cache of one layer.
    public private(set) var attention: [Double] = []
    /// Seconds of one layer's work on vectors: two norms, an activation with its gate, two sums with the residual stream.
    public private(set) var vectors: [Double] = []
    /// Seconds of a step of a model that has as many layers and next to nothing in them, and of its linear layers alone.
    public private(set) var idleStep: [Double] = []
    public private(set) var idleLayers: [Double] = []
    /// Bytes per second of reading so many bytes again and again.
    public private(set) var reading: [Int: [Double]] = [:]

    /// Positions of the cache that attention sees.
    public let positions: Int
    private let config: ModelConfig
    private let pool: ThreadPool
    private let idle: Engine
    private let idleSequence: TokenSequence
    private let memory: MemoryBlock
    /// Of as many layers as the model has, or as memory is spent on.
    private let caches: [KVLayer]

    /// - Parameters:
    ///   - idle: of a model with as many layers as small as can be, at `idleBits`, on the same threads.
    ///   - positions: of the cache, as in the middle of the steps that are measured.
    /// - Throws: `inputOutput` without memory.
    public init(_ config: ModelConfig, positions: Int, idle: Engine) throws(TaperError) {
        self.config = config
        self.positions = positions
        self.idle = idle
        pool = idle.pool
        idleSequence = try idle.makeSequence()
        let capacity = roundedUp(positions, to: KVLayer.positionBlock)
        let halves = config.kvSize * capacity
        let layers = max(1, min(config.layerCount, (256 << 20) / (halves * 4)))
        let floats = 2 * config.querySize + 3 * config.hiddenSize + 2 * config.intermediateSize
        let first = roundedUp(floats * 4, to: 64)
        memory = try MemoryBlock(
            byteCount: first + layers * halves * 4, dense: true, purpose: "measuring this machine's parts",
            remedy: "Close other programs")
        UnsafeMutableRawBufferPointer(start: memory.base, count: memory.byteCount).initializeMemory(
            as: UInt8.self, repeating: 0)
        memory.values(Float.self, count: floats).update(repeating: 0.5, count: floats)
        let memory = memory
        caches = (0..<layers).map { layer in
            KVLayer(
                .half(
                    keys: memory.values(UInt16.self, at: first + layer * halves * 4, count: halves),
                    values: memory.values(UInt16.self, at: first + layer * halves * 4 + halves * 2, count: halves)),
                capacity: capacity, kvHeads: config.kvHeadCount, headSize: config.headSize)
        }
    }

    /// Of the model for `idle`, whose bundle holds this precision alone.
    public static let idleBits = 4

    /// One sample of everything.
    /// - Parameter read: bytes per second of reading what a step reads.
    /// - Throws: `interrupted`.
    public mutating func sample(beside result: SpeedResult, read: (Int) -> Double) throws(TaperError) {
        try Interrupt.check("Nothing was written")
        let byteCount = Int(result.bytesPerToken)
        reading[byteCount, default: []].append(read(byteCount))
        let bits = Precision(bits: MachineMeasurement.idleBits)
        let (idle, sequence) = (idle, idleSequence)
        idleStep.append(
            try MachineMeasurement.median { () throws(TaperError) in
                sequence.truncate(to: 0)
                try idle.read([0], into: sequence, bits: bits)
            })
        idleLayers.append(
            try MachineMeasurement.median { () throws(TaperError) in _ = try idle.multiplyLinearLayers(bits: bits) })
        attention.append(try MachineMeasurement.median(attend) / Double(caches.count))
        vectors.append(try MachineMeasurement.median(workOnVectors) / Double(config.layerCount))
    }

    /// Attention of one token in all layers.
    private func attend() {
        let query = memory.values(Float.self, count: config.querySize)
        let output = memory.values(Float.self, at: config.querySize * 4, count: config.querySize)
        for cache in caches {
            Kernels.attention(
                query: query, tokens: 1, firstPosition: positions - 1, cache: cache, heads: config.headCount,
                scale: 1 / Float(config.headSize).squareRoot(), cap: 0, output: output, pool: pool)
        }
    }

    private func workOnVectors() {
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let all = memory.values(
            Float.self, at: 2 * config.querySize * 4, count: 3 * width + 2 * inner)
        let (weight, out, gate, up) = (all + width, all + 2 * width, all + 3 * width, all + 3 * width + inner)
        let operations = VectorOps(pool)
        for _ in 0..<config.layerCount {
            for _ in 0..<2 {
                operations.rmsNorm(all, weight: weight, epsilon: 1e-5, tokens: 1, columns: width, into: out)
                operations.add(weight, tokens: 1, columns: width, into: out)
            }
            operations.siluMultiply(gate: gate, up: gate, tokens: 1, columns: inner, into: up)
        }
    }

    /// Seconds of one call.
    private static func median(_ body: () throws(TaperError) -> Void) throws(TaperError) -> Double {
        var all: [Double] = []
        let begin = monotonicSeconds()
        try body()
        repeat {
            let start = monotonicSeconds()
            try body()
            all.append(monotonicSeconds() - start)
        } while all.count < 5 || all.count < 64 && monotonicSeconds() - begin < 0.02
        return Evaluation.median(all) ?? 0
    }
}
