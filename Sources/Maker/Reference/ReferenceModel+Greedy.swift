import Kernels
import Model
public import Storage

/// One sequence that is being continued.
private final class Continuation {
    let index: Int
    /// What the model reads next: the prompt, then every new token.
    var input: [Int]
    /// Tokens in the caches.
    var position = 0
    var caches: [LayerCache]
    var tokens: [Int] = []

    init(index: Int, prompt: [Int], maxNewTokens: Int, _ config: ModelConfig) {
        self.index = index
        input = prompt
        caches = (0..<config.layerCount).map { _ in
            LayerCache(capacity: (prompt.count + maxNewTokens) * config.kvSize)
        }
    }
}

extension ReferenceModel {
    /// The most likely continuation, token by token, until a stop token or the limit; the stop token is not returned.
    public func greedy(_ prompt: [Int], maxNewTokens: Int, stop: [Int]) throws(TaperError) -> [Int] {
        try greedy([prompt], maxNewTokens: maxNewTokens, stop: stop).first ?? []
    }

    /// The same for several prompts, decoded together: every step reads each weight once for all of them.
    ///
    /// A product of several rows rounds otherwise than one of a single row, so of two tokens that are equally likely
    /// within the last bits another may be taken than for the prompt alone.
    /// - Parameter progress: hears the share of prompts that are finished.
    public func greedy(
        _ prompts: [[Int]], maxNewTokens: Int, stop: [Int], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [[Int]] {
        var results = [[Int]](repeating: [], count: prompts.count)
        if maxNewTokens <= 0 { return results }
        var active: [Continuation] = []
        var admitted = 0
        var finished = 0
        while finished < prompts.count {
            try Interrupt.check("Nothing was written")
            // Places that became free go to the next prompts.
            var arrived: [Continuation] = []
            var positions = active.reduce(0) { $0 + $1.position + maxNewTokens - $1.tokens.count }
            while admitted < prompts.count, active.count + arrived.count < Self.batchLimit {
                positions += prompts[admitted].count + maxNewTokens
                if positions > cachedPositionLimit, !(active.isEmpty && arrived.isEmpty) { break }
                arrived.append(
                    Continuation(index: admitted, prompt: prompts[admitted], maxNewTokens: maxNewTokens, config))
                admitted += 1
            }
            var states: [Float] = []
            if !active.isEmpty { states += try advance(active) }
            if !arrived.isEmpty { states += try prefill(arrived) }
            active += arrived
            let chosen = try likeliest(states, rows: active.count)
            for (continuation, token) in zip(active, chosen) {
                continuation.position += continuation.input.count
                continuation.input = []
                if stop.contains(token) { continue }
                continuation.tokens.append(token)
                if continuation.tokens.count < maxNewTokens { continuation.input = [token] }
            }
            for continuation in active where continuation.input.isEmpty {
                results[continuation.index] = continuation.tokens
                finished += 1
            }
            active.removeAll { $0.input.isEmpty }
            progress(Double(finished) / Double(prompts.count))
        }
        return results
    }

    /// Sequences decoded together: from here on a step's time is arithmetic, no longer the reading of weights.
    static var batchLimit: Int { 64 }

    /// Positions in all caches together: 512 MB.
    private var cachedPositionLimit: Int { (1 << 29) / (config.layerCount * config.kvSize * 2 * 4) }

    private func checkContext(_ end: Int) throws(TaperError) {
        guard end <= arithmetic.rotation.positionCount else {
            throw TaperError(
                .usage, "prompt and new tokens exceed the model's context", at: "",
                expected: "at most \(arithmetic.rotation.positionCount) tokens")
        }
    }

    /// Reads every sequence's next token; final states, [sequences * hiddenSize].
    private func advance(_ sequences: [Continuation]) throws(TaperError) -> [Float] {
        for sequence in sequences { try checkContext(sequence.position + 1) }
        let table = try weight(TensorName.embedding)
        var x = filled(sequences.count * config.hiddenSize) {
            arithmetic.embed(sequences.map { $0.input[0] }, table, into: $0)
        }
        for layer in 0..<config.layerCount {
            let ends = sequences.map { (position: $0.position, cache: $0.caches[layer]) }
            try block(try blockWeights(layer), &x, tokens: sequences.count, places: .ends(ends))
        }
        return x
    }

    /// Reads the prompts; final states of each one's last token, [sequences * hiddenSize]. A block is loaded once for all.
    private func prefill(_ sequences: [Continuation]) throws(TaperError) -> [Float] {
        for sequence in sequences { try checkContext(sequence.input.count) }
        var states = try embed(sequences.map(\.input))
        for layer in 0..<config.layerCount {
            let weights = try blockWeights(layer)
            for (index, sequence) in sequences.enumerated() {
                try Interrupt.check("Nothing was written")
                try block(
                    weights, &states[index], tokens: sequence.input.count,
                    places: .run(from: 0, cache: sequence.caches[layer]))
            }
        }
        return states.flatMap { $0.suffix(config.hiddenSize) }
    }

    /// The likeliest token after each row of final states.
    private func likeliest(_ states: [Float], rows: Int) throws(TaperError) -> [Int] {
        let normalized = try finalNorm(states, tokens: rows)
        let head = try weight(config.tiedEmbeddings ? TensorName.embedding : TensorName.head)
        let bias = config.outputBias ? try weight(TensorName.headBias) : []
        let vocabulary = config.vocabularySize
        let logits = filled(rows * vocabulary) {
            arithmetic.head(normalized, head, bias: bias, tokens: rows, into: $0)
        }
        try check(logits, "logits", columns: vocabulary) { "answer \($0) of those decoded together" }
        return logits.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return [] }
            return (0..<rows).map { arithmetic.ops.argmax(base + $0 * vocabulary, count: vocabulary) }
        }
    }
}
