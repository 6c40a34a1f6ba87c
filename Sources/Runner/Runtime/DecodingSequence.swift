import Kernels
public import Model
public import Storage

/// Keys and values of one sequence among several that decode together (`Transformer.step`).
public final class DecodingSequence {
    /// Tokens in the cache: the next token gets this position.
    public internal(set) var position = 0
    let cache: KeyValueCache

    init(_ cache: KeyValueCache) { self.cache = cache }

    /// Forgets all positions from `count` on.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
    }

    /// Becomes a twin of another sequence of the same transformer.
    public func copy(from other: DecodingSequence) {
        copy(other.cache, positions: other.position)
    }

    func copy(_ other: KeyValueCache, positions: Int) {
        for (mine, theirs) in zip(cache.layers, other.layers) { mine.copy(from: theirs, positions: positions) }
        position = positions
    }
}

extension Transformer {
    /// An empty sequence with room for the whole context.
    public func makeSequence() throws(TaperError) -> DecodingSequence {
        DecodingSequence(try KeyValueCache(config, capacity: contextLength))
    }

    /// Gives a sequence what the transformer's own cache holds, such as a prompt that was just read.
    public func copy(to sequence: DecodingSequence) { sequence.copy(cache, positions: position) }

    /// The reverse: the transformer continues where the sequence stands.
    public func take(_ sequence: DecodingSequence) {
        for (mine, theirs) in zip(cache.layers, sequence.cache.layers) {
            mine.copy(from: theirs, positions: sequence.position)
        }
        position = sequence.position
    }

    /// Decodes one token of every sequence at the same precision: the weights are read once for all of them, and every
    /// sequence gets what `forward` would have given it alone.
    ///
    /// - Parameter each: gets the index of the first sequence and the logits of some that follow one another, [count]
    ///   [vocabularySize], valid during the call.
    /// - Throws: `badData` for tokens outside the vocabulary, when a sequence is full, and when a number is not finite.
    public func step(
        _ tokens: [Int], _ sequences: [DecodingSequence], bits: Precision,
        each: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws(TaperError) {
        precondition(tokens.count == sequences.count, "one token for every sequence")
        for (token, sequence) in zip(tokens, sequences) {
            try check(token: token)
            guard sequence.position < contextLength else {
                throw TaperError(
                    .badData, "a sequence does not fit the context",
                    at: "context of " + String(contextLength) + " tokens")
            }
        }
        let allocation = try weights.allocation(bits)
        try tokens.withUnsafeBufferPointer { all throws(TaperError) in
            for start in stride(from: 0, to: all.count, by: scratch.blockSize) {
                let end = min(all.count, start + scratch.blockSize)
                run(
                    UnsafeBufferPointer(rebasing: all[start..<end]), allocation,
                    sequences: Array(sequences[start..<end]))
                try checkCache(bits)
                for row in stride(from: start, to: end, by: scratch.headRows) {
                    let rows = min(scratch.headRows, end - row)
                    head(firstRow: row - start, rows: rows, allocation)
                    for index in 0..<rows {
                        let logits = scratch.logits + index * config.vocabularySize
                        try check(
                            UnsafeBufferPointer(start: logits, count: config.vocabularySize),
                            position: sequences[row + index].position - 1, bits: bits)
                    }
                    each(row, UnsafeBufferPointer(start: scratch.logits, count: rows * config.vocabularySize))
                }
            }
        }
    }
}
