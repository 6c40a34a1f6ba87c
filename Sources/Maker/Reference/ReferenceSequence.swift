public import Model
public import Storage

/// Keys and values of one sequence that a float model continues.
public final class ReferenceSequence {
    /// Tokens in the caches.
    public internal(set) var position = 0
    let caches: [LayerCache]
    private let width: Int

    /// An empty sequence.
    public init(_ config: ModelConfig) {
        caches = (0..<config.layerCount).map { _ in LayerCache() }
        width = config.kvSize
    }

    /// A sequence that another model has read: rotated keys and values of every layer, [positions][kvHeads * headSize].
    public init(_ config: ModelConfig, layers: [(keys: [Float], values: [Float])]) {
        precondition(layers.count == config.layerCount, "keys and values of every layer")
        caches = layers.map { layer in
            let cache = LayerCache(capacity: layer.keys.count)
            layer.keys.withUnsafeBufferPointer { keys in
                layer.values.withUnsafeBufferPointer { values in
                    precondition(keys.count == values.count, "as many keys as values")
                    if let keys = keys.baseAddress, let values = values.baseAddress {
                        cache.append(keys: keys, values: values, count: layer.keys.count)
                    }
                }
            }
            return cache
        }
        width = config.kvSize
        position = (layers.first?.keys.count ?? 0) / max(1, width)
    }

    /// Forgets all positions from `count` on.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
        for cache in caches { cache.truncate(to: count * width) }
    }
}

extension ReferenceModel {
    /// Reads tokens into a sequence: normalized final states after every one of them, [tokens][hiddenSize].
    public func read(_ tokens: [Int], into sequence: ReferenceSequence) throws(TaperError) -> [Float] {
        try checkEnd(sequence.position + tokens.count)
        var x = try embed(tokens)
        for layer in 0..<config.layerCount {
            try block(
                try blockWeights(layer), &x, tokens: tokens.count,
                places: .run(from: sequence.position, cache: sequence.caches[layer]))
        }
        sequence.position += tokens.count
        return try finalNorm(x, tokens: tokens.count)
    }

    /// Reads one token of every sequence, each weight once for all: normalized final states, [sequences][hiddenSize].
    public func step(_ tokens: [Int], _ sequences: [ReferenceSequence]) throws(TaperError) -> [Float] {
        precondition(tokens.count == sequences.count, "one token for every sequence")
        for sequence in sequences { try checkEnd(sequence.position + 1) }
        var x = try embed(tokens)
        for layer in 0..<config.layerCount {
            let ends = sequences.map { (position: $0.position, cache: $0.caches[layer]) }
            try block(try blockWeights(layer), &x, tokens: tokens.count, places: .ends(ends))
        }
        for sequence in sequences { sequence.position += 1 }
        return try finalNorm(x, tokens: tokens.count)
    }

    /// Logits of normalized final states, [states][vocabularySize].
    public func logits(ofStates states: [Float]) throws(TaperError) -> [Float] {
        let count = states.count / config.hiddenSize
        let head = try weight(config.tiedEmbeddings ? TensorName.embedding : TensorName.head)
        let bias = config.outputBias ? try weight(TensorName.headBias) : []
        let logits = filled(count * config.vocabularySize) {
            arithmetic.head(states, head, bias: bias, tokens: count, into: $0)
        }
        try check(logits, "logits", columns: config.vocabularySize) { "state \($0)" }
        return logits
    }

    private func checkEnd(_ end: Int) throws(TaperError) {
        guard end <= arithmetic.rotation.positionCount else {
            throw TaperError(
                .usage, "prompt and new tokens exceed the model's context", at: "",
                expected: "at most \(arithmetic.rotation.positionCount) tokens", found: "\(end)")
        }
    }
}
