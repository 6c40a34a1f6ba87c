import Model
import Storage

extension ReferenceModel {
    /// Normalized final hidden states of every sequence, [tokens * hiddenSize] each; a block is loaded once for all.
    func forward(
        _ sequences: [[Int]], progress: (Double) -> Void, observe: TransformerArithmetic.Observer? = nil
    ) throws(TaperError) -> [[Float]] {
        var states = try embed(sequences)
        for layer in 0..<config.layerCount {
            let weights = try weights.block(layer)
            for index in sequences.indices {
                try Interrupt.check("Nothing was written")
                try block(weights, &states[index], tokens: sequences[index].count, observe: observe)
                progress(
                    (Double(layer) + Double(index + 1) / Double(sequences.count)) / Double(config.layerCount))
            }
        }
        for index in sequences.indices {
            states[index] = try finalNorm(states[index], tokens: sequences[index].count)
            try check(states[index], "final states", columns: config.hiddenSize) {
                "sequence \(index), position \($0)"
            }
        }
        return states
    }

    /// The same, but for the sequences whose states are known.
    func forward(
        _ sequences: [[Int]], known: FinalStates, progress: (Double) -> Void
    ) throws(TaperError) -> [[Float]] {
        let missing = sequences.filter { known[$0] == nil }
        var made = missing.isEmpty ? [] : try forward(missing, progress: progress)
        made.reverse()
        return sequences.map { known[$0] ?? made.removeLast() }
    }

    func embed(_ sequences: [[Int]]) throws(TaperError) -> [[Float]] {
        for tokens in sequences { try arithmetic.check(tokens) }
        return try weights.embedded(sequences)
    }

    func finalNorm(_ x: [Float], tokens: Int) throws(TaperError) -> [Float] {
        let norm = try weights.finalNorm()
        return filled(x.count) { arithmetic.normalize(x, norm, tokens: tokens, into: $0) }
    }

    /// An array whose every element `body` writes.
    func filled(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { body(base) }
            initialized = count
        }
    }
}
