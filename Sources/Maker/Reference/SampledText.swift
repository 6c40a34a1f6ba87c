public import Decoding
public import Kernels
public import Model
public import Storage

/// Text that a model wrote.
public struct SampledSequence: Equatable, Sendable {
    /// The start, then what was sampled.
    public var tokens: [Int]
    /// Of every sampled token under the distribution it was drawn from, in nats.
    public var logProbabilities: [Float]
}

/// Text that a model is to write.
public struct TextSampling: Sendable {
    /// What each sequence begins with, one token or more.
    public var starts: [[Int]]
    /// Tokens of every sequence, its start included.
    public var length: Int
    /// Divides the logits; 0 takes the likeliest token.
    public var temperature: Double
    public var seed: UInt64

    public init(_ starts: [[Int]], length: Int, temperature: Double = 1, seed: UInt64) {
        precondition(temperature >= 0 && temperature.isFinite, "a temperature is 0 or more")
        (self.starts, self.length, self.temperature, self.seed) = (starts, length, temperature, seed)
    }

    /// Sequences sampled from a model's full distribution: text as it writes it, without any data (LLM-QAT, Liu et al. 2023,
    /// arXiv 2305.17888, section 3.1).
    ///
    /// Sequences advance together, one position a step, so a step reads every weight once for all of them. Nothing ends a
    /// sequence: after a token that separates documents the next document follows. Every sequence has a random generator of
    /// its own, so that the result is the same for any number of threads; of an engine for any number of places, too.
    ///
    /// - Parameters:
    ///   - places: sequences at once; each has a cache.
    ///   - bits: of the weights, where the model has several precisions.
    ///   - makeSequence: one with room for `length` positions.
    /// - Throws: `usage` when a start is empty or longer than `length`, or a sequence has no room for it; what `executor` throws.
    public func write<Executor: StepExecutor>(
        with executor: Executor, places: Int, bits: Precision, pool: ThreadPool,
        makeSequence: () throws(TaperError) -> Executor.Sequence, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [SampledSequence] {
        precondition(places > 0, "nobody would write")
        // Batches of about one size: each costs its steps in full.
        let batches = (starts.count + places - 1) / places
        let size = batches == 0 ? 1 : (starts.count + batches - 1) / batches
        let batch = DecodeBatch<SamplingPlan<Executor>>(executor, places: size, prefillChunk: 1)
        var result = starts.map { SampledSequence(tokens: $0, logProbabilities: []) }
        var working: [(index: Int, generation: Generation<SamplingPlan<Executor>>)] = []
        var (next, steps) = (0, 0)
        while true {
            try Interrupt.check("Nothing was written")
            while next < starts.count, batch.hasRoom() {
                let sequence = try makeSequence()
                guard !starts[next].isEmpty, starts[next].count <= length, length <= sequence.capacity else {
                    throw TaperError(
                        .usage, "impossible length of sampled text", at: "",
                        expected: "\(max(1, starts[next].count)) to \(sequence.capacity) tokens", found: "\(length)")
                }
                let sampler = DistributionSampler(
                    VectorOps(pool), temperature: Float(temperature), SplitMix64(seed: seed, stream: next))
                let generation = Generation(
                    sequence, plan: SamplingPlan<Executor>(sampler: sampler, prefillBits: bits), prompt: starts[next],
                    limit: length - starts[next].count, stopTokens: [])
                try batch.admit(generation)
                working.append((next, generation))
                next += 1
            }
            if batch.isEmpty { return result }
            try batch.tick()
            for (index, generation) in working where generation.stopReason != nil {
                if let failure = generation.failure { throw failure }
                result[index].tokens += generation.tokens
                result[index].logProbabilities = generation.plan.sampler.logProbabilities
            }
            working.removeAll { $0.generation.stopReason != nil }
            steps += 1
            progress(min(1, Double(steps) / Double(batches * length)))
        }
    }
}

/// One precision from start to end.
private struct SamplingPlan<Executor: StepExecutor>: DecodePlan {
    var sampler: DistributionSampler
    let prefillBits: Precision
    func bits(atStep step: Int) -> Precision { prefillBits }
}

/// Draws from the whole distribution, and remembers how likely every token was.
struct DistributionSampler: TokenSampler {
    private let greedy: GreedySampler
    private let operations: VectorOps
    private let temperature: Float
    private var generator: SplitMix64
    /// Of every token drawn, in nats.
    private(set) var logProbabilities: [Float] = []

    init(_ operations: VectorOps, temperature: Float, _ generator: SplitMix64) {
        greedy = GreedySampler(operations)
        self.operations = operations
        self.temperature = temperature
        self.generator = generator
    }

    /// The token at which the cumulative probability passes a number drawn uniformly.
    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        let uniform = generator.uniform()
        let count = logits.count
        let likeliest = greedy.sample(logits)
        guard temperature > 0, let base = logits.baseAddress else {
            logProbabilities.append(0)
            return likeliest
        }
        if temperature != 1 { for index in 0..<count { logits[index] /= temperature } }
        _ = operations.softmaxNumerators(base, count: count)
        // Sums of stretches first, in double precision and in one order.
        let stretch = 256
        var sums: [Double] = []
        sums.reserveCapacity(count / stretch + 1)
        for start in stride(from: 0, to: count, by: stretch) {
            var sum = 0.0
            for index in start..<min(start + stretch, count) { sum += Double(logits[index]) }
            sums.append(sum)
        }
        let total = sums.reduce(0, +)
        var left = uniform * total
        var chosen = likeliest
        search: for (number, sum) in sums.enumerated() {
            if left >= sum {
                left -= sum
                continue
            }
            for index in number * stretch..<min((number + 1) * stretch, count) {
                left -= Double(logits[index])
                if left < 0 {
                    chosen = index
                    break search
                }
            }
        }
        logProbabilities.append(Float(logarithm(Double(logits[chosen]) / total)))
        return chosen
    }
}
