import Decoding
import Kernels
import Model
public import Storage

/// Text that a float model wrote.
public struct SampledSequence: Equatable, Sendable {
    /// The start, then what was sampled.
    public var tokens: [Int]
    /// Of every sampled token under the distribution it was drawn from, in nats.
    public var logProbabilities: [Float]
}

extension ReferenceModel {
    /// Sequences sampled from the model's full distribution: text as it writes it, without any data (LLM-QAT, Liu et al. 2023,
    /// arXiv 2305.17888, section 3.1).
    ///
    /// All sequences advance together, one position a step, so a step reads every weight once. Nothing ends a sequence: after
    /// a token that separates documents the next document follows. Every sequence has a random generator of its own, and
    /// products are divided by shape alone, so the result is the same for any number of threads.
    ///
    /// All weights are held as floats during the call, whatever the residency; keys and values take at most 1 GB.
    /// - Parameters:
    ///   - starts: what each sequence begins with, one token or more.
    ///   - length: tokens of every sequence, its start included.
    ///   - temperature: divides the logits; 0 takes the likeliest token.
    /// - Throws: `usage` when a start is empty, longer than `length`, or names a token the model lacks, and when `length`
    ///   exceeds the context.
    public func sample(
        _ starts: [[Int]], length: Int, temperature: Double = 1, seed: UInt64, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [SampledSequence] {
        precondition(temperature >= 0 && temperature.isFinite, "a temperature is 0 or more")
        for start in starts {
            try arithmetic.check(start)
            guard start.count <= length, length <= arithmetic.positionCount else {
                throw TaperError(
                    .usage, "impossible length of sampled text", at: "",
                    expected: "\(start.count) to \(arithmetic.positionCount) tokens", found: "\(length)")
            }
        }
        if starts.isEmpty { return [] }
        let model = try resident()
        // Batches of about one size: each costs its steps in full.
        let limit = max(
            1, min(Self.batchLimit, (1 << 30) / ReferenceSequence.halfByteCount(config, capacity: length)))
        let batches = (starts.count + limit - 1) / limit
        let size = (starts.count + batches - 1) / batches
        // All sequences stand at the same position: their starts, too, are read one token a step.
        let batch = DecodeBatch<FloatPlan<DistributionSampler>>(model, places: size, prefillChunk: 1)
        var result = starts.map { SampledSequence(tokens: $0, logProbabilities: []) }
        var next = 0
        var steps = 0
        try model.run(batch) { () throws(TaperError) -> (Int, Generation<FloatPlan<DistributionSampler>>)? in
            guard next < starts.count, batch.hasRoom() else { return nil }
            next += 1
            let sampler = DistributionSampler(
                arithmetic.ops, temperature: Float(temperature), SplitMix64(seed: seed, stream: next - 1))
            return (
                next - 1,
                Generation(
                    try ReferenceSequence(config, halfPrecision: length), plan: FloatPlan(sampler),
                    prompt: starts[next - 1], limit: length - starts[next - 1].count, stopTokens: [])
            )
        } finish: { index, generation in
            result[index].tokens += generation.tokens
            result[index].logProbabilities = generation.plan.sampler.logProbabilities
        } progress: { _ in
            steps += 1
            progress(min(1, Double(steps) / Double(batches * length)))
        }
        return result
    }
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
