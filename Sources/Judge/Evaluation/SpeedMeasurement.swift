import Decoding
public import Kernels
public import Model
public import Runtime
public import Storage

/// What one schedule reached at one thread count: one value per run.
public struct SpeedResult: Sendable {
    public var label: String
    public var threads: Int
    /// Sequences that are decoded at once.
    public var streams: Int
    /// Prompt tokens per second.
    public var prefill: [Double] = []
    /// New tokens of all streams per second, everything but sampling included.
    public var decode: [Double] = []
    /// Seconds of a step: in each run the median of its steps, of each stretch of equal bits by itself.
    public var stepSeconds: [Double] = []
    /// Tokens per second of each stretch of equal bits.
    public var stretches: [(bits: Precision, tokensPerSecond: [Double])] = []
    /// Bytes per second of the matrix products alone, at the bits of the last step.
    public var products: [Double] = []
    /// Seconds of the linear layers' products of a decode step alone, at the bits of the last step, and of the head's: medians of
    /// some repetitions.
    public var layerSeconds: [Double] = []
    public var headSeconds: [Double] = []
    /// Bytes per second of reading memory, measured between the runs.
    public var read: [Double] = []
    /// Mean bytes of weights read for a token: a step reads them once for all streams.
    public var bytesPerToken = 0.0
    /// What all decode steps of a run read and multiplied, by the engine's own counters.
    public var counts = WorkCounts()
    /// What reading the prompt did.
    public var prefillCounts = WorkCounts()
    public var schedule: PrecisionSchedule

    public init(label: String, schedule: PrecisionSchedule, threads: Int, streams: Int = 1) {
        self.label = label
        self.schedule = schedule
        self.threads = threads
        self.streams = streams
    }
}

public func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }

/// Measures prefill, decode and matrix products of a model, and reading memory beside them.
public struct SpeedMeasurement {
    public let promptTokens: Int
    public let newTokens: Int
    /// Positions in the cache before the first measured decode step.
    public let depth: Int
    /// Tokens that are read, again and again; none: some that follow no text. How much of a head is read depends on them.
    private let text: [Int]
    private let buffer: MemoryBlock

    /// - Throws: `inputOutput` when there is no memory for the read loop, which must be larger than any cache.
    public init(
        promptTokens: Int, newTokens: Int, depth: Int = 0, text: [Int] = []
    ) throws(TaperError) {
        self.promptTokens = promptTokens
        self.newTokens = newTokens
        self.depth = depth
        self.text = text
        buffer = try MemoryBlock(
            byteCount: 512 << 20, dense: true, purpose: "measuring memory", remedy: "Close other programs")
        UnsafeMutableRawBufferPointer(start: buffer.base, count: buffer.byteCount).initializeMemory(
            as: UInt8.self, repeating: 1)
    }

    /// Bytes per second that all threads of the pool read together: more than any cache holds.
    public func readSpeed(_ pool: ThreadPool) -> Double {
        let start = monotonicSeconds()
        read(buffer.byteCount, pool)
        return Double(buffer.byteCount) / (monotonicSeconds() - start)
    }

    /// The same of so many bytes again and again, of which caches keep what they can, as they do of a model's weights.
    public func readSpeed(_ pool: ThreadPool, ofBytes byteCount: Int) -> Double {
        let byteCount = min(roundedUp(byteCount, to: 1 << 16), buffer.byteCount)
        read(byteCount, pool)
        var speeds: [Double] = []
        for _ in 0..<5 {
            let start = monotonicSeconds()
            read(byteCount, pool)
            speeds.append(Double(byteCount) / (monotonicSeconds() - start))
        }
        return median(speeds) ?? 0
    }

    private func read(_ byteCount: Int, _ pool: ThreadPool) {
        _ = readAll(UnsafeRawBufferPointer(start: buffer.base, count: byteCount), pool: pool)
    }

    /// One warm-up round, then `runs` rounds that take every schedule with every number of streams in turn, so that drift
    /// hits all alike.
    /// - Parameter beside: is run after every measurement that counts, with what there is of it: for what is to be measured
    ///   under the same conditions.
    public func run(
        _ engine: Engine, schedules: [(label: String, schedule: PrecisionSchedule)], streams: [Int] = [1], runs: Int,
        beside: (SpeedResult) throws(TaperError) -> Void = { _ in }
    ) throws(TaperError) -> [SpeedResult] {
        let pool = engine.pool
        var sequences: [TokenSequence] = []
        for _ in 0..<(streams.max() ?? 1) { sequences.append(try engine.makeSequence()) }
        let rows = schedules.flatMap { item in streams.map { (item: item, streams: $0) } }
        var results = rows.map {
            SpeedResult(
                label: $0.item.label, schedule: $0.item.schedule, threads: pool.threadCount, streams: $0.streams)
        }
        for round in 0...runs {
            for (index, row) in rows.enumerated() {
                try Interrupt.check("Nothing was written")
                let before = results[index]
                try measure(
                    engine, Array(sequences.prefix(row.streams)), row.item.schedule, into: &results[index])
                results[index].read.append(readSpeed(pool))
                // The first round warms caches and pages.
                if round == 0 { results[index] = before } else { try beside(results[index]) }
            }
        }
        return results
    }

    /// Tokens known beforehand, so that drawing is not measured.
    private struct KnownTokens: TokenSampler {
        let vocabulary: Int
        let text: [Int]
        var count = 0

        func token(_ index: Int) -> Int {
            text.isEmpty ? (index &* 7919 + 13) % vocabulary : text[index % text.count]
        }

        /// What greedy decoding asks for.
        var leadingLogits: Int { 1 }

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
        _ engine: Engine, _ sequences: [TokenSequence], _ schedule: PrecisionSchedule,
        into result: inout SpeedResult
    ) throws(TaperError) {
        let known = KnownTokens(vocabulary: engine.vocabularySize, text: text)
        for sequence in sequences { sequence.truncate(to: 0) }
        if promptTokens > 0, let sequence = sequences.first {
            let before = engine.counts
            let start = monotonicSeconds()
            try engine.read((0..<promptTokens).map(known.token), into: sequence, bits: schedule.prefillBits)
            result.prefill.append(Double(promptTokens) / (monotonicSeconds() - start))
            result.prefillCounts = engine.counts.since(before)
            sequence.truncate(to: 0)
        }
        guard newTokens > 0 else { return }
        let batch = DecodeBatch<KnownPlan>(engine)
        let generations = sequences.map {
            Generation(
                $0, plan: KnownPlan(schedule: schedule, sampler: known), prompt: (0..<depth + 1).map(known.token),
                limit: newTokens + 1, stopTokens: [])
        }
        for generation in generations { try batch.admit(generation) }
        try batch.tick()
        var stretch = 0
        let start = monotonicSeconds()
        var stretchStart = start
        var steps: [Double] = []
        var stepSum = 0.0
        var last = start
        let before = engine.counts
        for step in 0..<newTokens {
            let bits = schedule.bits(atStep: step)
            try batch.tick()
            let now = monotonicSeconds()
            steps.append(now - last)
            last = now
            if step + 1 == newTokens || schedule.bits(atStep: step + 1) != bits {
                if result.stretches.count <= stretch { result.stretches.append((bits, [])) }
                result.stretches[stretch].tokensPerSecond.append(
                    Double(steps.count * sequences.count) / (now - stretchStart))
                stepSum += Double(steps.count) * (median(steps) ?? 0)
                (stretch, stretchStart) = (stretch + 1, now)
                steps.removeAll(keepingCapacity: true)
            }
        }
        let seconds = monotonicSeconds() - start
        for generation in generations { if let failure = generation.failure { throw failure } }
        let count = Double(newTokens * sequences.count)
        result.decode.append(count / seconds)
        result.stepSeconds.append(stepSum / Double(newTokens))
        result.counts = engine.counts.since(before)
        result.bytesPerToken = Double(result.counts.weightBytes) / count
        // Enough repetitions that the clock does not matter.
        let bits = schedule.bits(atStep: newTokens - 1)
        let repetitions = max(2, min(32, newTokens / 2))
        let rows = min(sequences.count, engine.rowLimit)
        var productBytes = 0
        var (layers, heads): ([Double], [Double]) = ([], [])
        for _ in 0..<repetitions {
            let start = monotonicSeconds()
            productBytes += try engine.multiplyLinearLayers(bits: bits, rows: rows)
            let end = monotonicSeconds()
            layers.append(end - start)
            // As in a step, where it pushes the first layers out of the caches.
            _ = try engine.multiplyHead(bits: bits, rows: min(rows, engine.headRowLimit))
            heads.append(monotonicSeconds() - end)
        }
        result.products.append(Double(productBytes) / layers.reduce(0, +))
        result.layerSeconds.append(median(layers) ?? 0)
        result.headSeconds.append(median(heads) ?? 0)
    }
}
