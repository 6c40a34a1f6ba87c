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
            guard start.count <= length, length <= arithmetic.rotation.positionCount else {
                throw TaperError(
                    .usage, "impossible length of sampled text", at: "",
                    expected: "\(start.count) to \(arithmetic.rotation.positionCount) tokens", found: "\(length)")
            }
        }
        if starts.isEmpty { return [] }
        var blocks: [BlockWeights] = []
        for layer in 0..<config.layerCount { blocks.append(try blockWeights(layer)) }
        // Batches of about one size: each costs its steps in full.
        let limit = max(1, min(Self.batchLimit, (1 << 30) / SamplingCache.byteCount(config, length: length)))
        let batches = (starts.count + limit - 1) / limit
        let size = (starts.count + batches - 1) / batches
        let caches = try SamplingCache(config, sequences: size, length: length)
        var result: [SampledSequence] = []
        while result.count < starts.count {
            let first = result.count
            let batch = Array(starts[first..<min(first + size, starts.count)])
            result += try sample(
                batch, length: length, temperature: Float(temperature), blocks: blocks, caches: caches,
                generators: batch.indices.map { SplitMix64(seed: seed, stream: first + $0) }
            ) { progress((Double(first) + $0 * Double(batch.count)) / Double(starts.count)) }
        }
        return result
    }

    /// One batch; `caches` has room for it.
    private func sample(
        _ starts: [[Int]], length: Int, temperature: Float, blocks: [BlockWeights], caches: SamplingCache,
        generators: [SplitMix64], progress: (Double) -> Void
    ) throws(TaperError) -> [SampledSequence] {
        let embedding = try weight(TensorName.embedding)
        let head = config.tiedEmbeddings ? embedding : try weight(TensorName.head)
        let bias = config.outputBias ? try weight(TensorName.headBias) : []
        let known = starts.reduce(length) { min($0, $1.count) }
        var generators = generators
        var result = starts.map { SampledSequence(tokens: $0, logProbabilities: []) }
        for position in 0..<length - 1 {
            try Interrupt.check("Nothing was written")
            var x = filled(starts.count * config.hiddenSize) {
                arithmetic.embed(result.map { $0.tokens[position] }, embedding, into: $0)
            }
            for (layer, weights) in blocks.enumerated() {
                let layers = Array(caches.layers[layer].prefix(starts.count))
                try block(weights, &x, tokens: starts.count, places: .step(position: position, caches: layers))
            }
            // A token that a start prescribes needs no logits.
            guard position + 1 >= known else { continue }
            let states = try finalNorm(x, tokens: starts.count)
            var logits = filled(starts.count * config.vocabularySize) {
                arithmetic.head(states, head, bias: bias, tokens: starts.count, into: $0)
            }
            try check(logits, "logits", columns: config.vocabularySize) { "sequence \($0), position \(position)" }
            let drawn = draw(&logits, &generators, temperature: temperature)
            for (index, token) in drawn.enumerated() where result[index].tokens.count == position + 1 {
                result[index].tokens.append(token.id)
                result[index].logProbabilities.append(token.logProbability)
            }
            progress(Double(position + 2) / Double(length))
        }
        return result
    }

    /// One token for each row of logits, [rows][vocabularySize], which are overwritten.
    private func draw(
        _ logits: inout [Float], _ generators: inout [SplitMix64], temperature: Float
    ) -> [(id: Int, logProbability: Float)] {
        let vocabulary = config.vocabularySize
        var drawn = generators.map { _ in (id: 0, logProbability: Float(0)) }
        logits.withUnsafeMutableBufferPointer { logits in
            drawn.withUnsafeMutableBufferPointer { drawn in
                generators.withUnsafeMutableBufferPointer { generators in
                    guard let base = logits.baseAddress, let drawn = drawn.baseAddress,
                        let generators = generators.baseAddress
                    else { return }
                    // Every row has its own logits, generator and result.
                    arithmetic.ops.rows(logits.count / vocabulary) { row in
                        drawn[row] = draw(
                            base + row * vocabulary, temperature: temperature, uniform: generators[row].uniform())
                    }
                }
            }
        }
        return drawn
    }

    /// The token at which the cumulative probability passes `uniform`, for one row of logits.
    private func draw(
        _ logits: UnsafeMutablePointer<Float>, temperature: Float, uniform: Double
    ) -> (id: Int, logProbability: Float) {
        let count = config.vocabularySize
        let likeliest = arithmetic.ops.argmax(logits, count: count)
        if temperature == 0 { return (likeliest, 0) }
        if temperature != 1 { for index in 0..<count { logits[index] /= temperature } }
        _ = arithmetic.ops.softmaxNumerators(logits, count: count)
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
        return (chosen, Float(logarithm(Double(logits[chosen]) / total)))
    }
}
