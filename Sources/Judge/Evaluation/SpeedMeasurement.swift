import Decoding
public import Kernels
public import Model
public import Runtime
public import Storage

/// What one schedule reached at one thread count: one value per run.
public struct SpeedResult: Sendable {
    public var label: String
    public var threads: Int
    /// Prompt tokens per second.
    public var prefill: [Double] = []
    /// New tokens per second, everything but sampling included.
    public var decode: [Double] = []
    /// New tokens per second of each stretch of equal bits.
    public var stretches: [(bits: Precision, tokensPerSecond: [Double])] = []
    /// Bytes per second of the matrix products alone, at the bits of the last step.
    public var products: [Double] = []
    /// Bytes per second of reading memory, measured between the runs.
    public var read: [Double] = []
    /// Mean bytes of weights a decode step reads.
    public var bytesPerToken = 0.0
    /// What all decode steps of a run read and multiplied, by the engine's own counters.
    public var counts = WorkCounts()
    public var schedule: PrecisionSchedule

    public init(label: String, schedule: PrecisionSchedule, threads: Int) {
        self.label = label
        self.schedule = schedule
        self.threads = threads
    }
}

public func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }

/// Measures prefill, decode and matrix products of a model, and reading memory beside them.
public struct SpeedMeasurement {
    public let promptTokens: Int
    public let newTokens: Int
    /// Positions in the cache before the first measured decode step.
    public let depth: Int
    private let buffer: MemoryBlock

    /// - Throws: `inputOutput` when there is no memory for the read loop, which must be larger than any cache.
    public init(promptTokens: Int, newTokens: Int, depth: Int = 0) throws(TaperError) {
        self.promptTokens = promptTokens
        self.newTokens = newTokens
        self.depth = depth
        buffer = try MemoryBlock(
            byteCount: 512 << 20, dense: true, purpose: "measuring memory", remedy: "Close other programs")
        UnsafeMutableRawBufferPointer(start: buffer.base, count: buffer.byteCount).initializeMemory(
            as: UInt8.self, repeating: 1)
    }

    /// Bytes per second that all threads of the pool read together.
    public func readSpeed(_ pool: ThreadPool) -> Double {
        let start = monotonicSeconds()
        _ = readAll(UnsafeRawBufferPointer(start: buffer.base, count: buffer.byteCount), pool: pool)
        return Double(buffer.byteCount) / (monotonicSeconds() - start)
    }

    /// One warm-up round, then `runs` rounds that take every schedule in turn, so that drift hits all alike.
    public func run(
        _ engine: Engine, schedules: [(label: String, schedule: PrecisionSchedule)],
        runs: Int
    ) throws(TaperError) -> [SpeedResult] {
        let pool = engine.pool
        let sequence = try engine.makeSequence()
        var results = schedules.map {
            SpeedResult(label: $0.label, schedule: $0.schedule, threads: pool.threadCount)
        }
        for round in 0...runs {
            for (index, item) in schedules.enumerated() {
                try Interrupt.check("Nothing was written")
                var result = results[index]
                try measure(engine, sequence, item.schedule, into: &result)
                result.read.append(readSpeed(pool))
                // The first round warms caches and pages.
                if round == 0 {
                    result = SpeedResult(label: item.label, schedule: item.schedule, threads: pool.threadCount)
                }
                results[index] = result
            }
        }
        return results
    }

    /// Tokens known beforehand, so that drawing is not measured.
    private struct KnownTokens: TokenSampler {
        let vocabulary: Int
        var count = 0

        func token(_ index: Int) -> Int { (index &* 7919 + 13) % vocabulary }

        mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
            count += 1
            return token(count - 1)
        }
    }

    private struct KnownPlan: DecodePlan {
        typealias Executor = Engine

        let schedule: PrecisionSchedule
        var sampler: KnownTokens

        var prefillBits: Precision { schedule.prefillBits }
        func bits(atStep step: Int) -> Precision { schedule.bits(atStep: step) }
    }

    private func measure(
        _ engine: Engine, _ sequence: TokenSequence, _ schedule: PrecisionSchedule, into result: inout SpeedResult
    ) throws(TaperError) {
        let known = KnownTokens(vocabulary: engine.vocabularySize)
        sequence.truncate(to: 0)
        if promptTokens > 0 {
            let start = monotonicSeconds()
            try engine.read((0..<promptTokens).map(known.token), into: sequence, bits: schedule.prefillBits)
            result.prefill.append(Double(promptTokens) / (monotonicSeconds() - start))
            sequence.truncate(to: 0)
        }
        guard newTokens > 0 else { return }
        let batch = DecodeBatch<KnownPlan>(engine)
        let generation = Generation(
            sequence, plan: KnownPlan(schedule: schedule, sampler: known), prompt: (0..<depth + 1).map(known.token),
            limit: newTokens + 1, stopTokens: [])
        try batch.admit(generation)
        try batch.tick()
        var bytes = 0
        var stretch = 0
        let start = monotonicSeconds()
        var stretchStart = start
        var stretchSteps = 0
        let before = engine.counts
        for step in 0..<newTokens {
            let bits = schedule.bits(atStep: step)
            bytes += engine.weights.bytesPerToken(bits: bits)
            try batch.tick()
            stretchSteps += 1
            if step + 1 == newTokens || schedule.bits(atStep: step + 1) != bits {
                let now = monotonicSeconds()
                if result.stretches.count <= stretch { result.stretches.append((bits, [])) }
                result.stretches[stretch].tokensPerSecond.append(Double(stretchSteps) / (now - stretchStart))
                (stretch, stretchSteps, stretchStart) = (stretch + 1, 0, now)
            }
        }
        if let failure = generation.failure { throw failure }
        result.decode.append(Double(newTokens) / (monotonicSeconds() - start))
        result.counts = engine.counts.since(before)
        result.bytesPerToken = Double(bytes) / Double(newTokens)
        // Enough repetitions that the clock does not matter.
        let bits = schedule.bits(atStep: newTokens - 1)
        let repetitions = max(2, min(32, newTokens / 4))
        var productBytes = 0
        let productStart = monotonicSeconds()
        for _ in 0..<repetitions { productBytes += try engine.multiplyLinearLayers(bits: bits) }
        result.products.append(Double(productBytes) / (monotonicSeconds() - productStart))
    }
}
