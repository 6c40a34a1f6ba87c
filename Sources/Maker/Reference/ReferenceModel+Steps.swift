public import Decoding
import Kernels
public import Model
public import Storage

/// Rows of sequences that continue: a block's weights are loaded once for all of them.
///
/// Chunks of several tokens go through the products one by one, tokens that are alone in theirs together. A product of
/// several rows rounds otherwise than one of a single row, so logits agree with those of a sequence alone to single
/// precision, and of two tokens that are equally likely within the last bits another may be chosen.
extension ReferenceModel: StepExecutor {
    public typealias Sequence = ReferenceSequence

    public var vocabularySize: Int { config.vocabularySize }

    public func inParallel(_ count: Int, _ body: (Int) -> Void) { arithmetic.ops.rows(count, body) }

    public func check(_ tokens: [Int], continuing sequence: ReferenceSequence) throws(TaperError) {
        try arithmetic.check(tokens)
        let limit = min(sequence.capacity, arithmetic.positionCount)
        guard sequence.position + tokens.count <= limit else {
            throw TaperError(
                .usage, "prompt and new tokens exceed the model's context", at: "", expected: "at most \(limit) tokens",
                found: "\(sequence.position + tokens.count)")
        }
    }

    /// - Parameter bits: ignored: a float model has one precision.
    public func run(
        _ rows: Rows<ReferenceSequence>, bits: Precision, each: ([LogitRow]) -> Void
    ) throws(TaperError) -> [ChunkFailure] {
        for chunk in rows.chunks { try check(Array(rows.tokens[chunk.range]), continuing: chunk.sequence) }
        let ends = rows.chunks.filter { $0.range.count == 1 }
        let runs = rows.chunks.filter { $0.range.count > 1 }
        var runStates = try weights.embedded(
            [ends.map { rows.tokens[$0.range.lowerBound] }] + runs.map { Array(rows.tokens[$0.range]) })
        var endStates = runStates.removeFirst()
        for layer in 0..<config.layerCount {
            let weights = try weights.block(layer)
            if !ends.isEmpty {
                try block(
                    weights, &endStates, tokens: ends.count, places: TokenPlaces(ends.map(\.sequence), layer: layer))
            }
            for (index, chunk) in runs.enumerated() {
                try Interrupt.check("Nothing was written")
                try block(
                    weights, &runStates[index], tokens: chunk.range.count,
                    places: .run(from: chunk.sequence.position, cache: chunk.sequence.caches[layer]))
            }
        }
        for chunk in rows.chunks { chunk.sequence.position += chunk.range.count }

        // Final states of the wanted rows, in the order of the chunks.
        var states: [Float] = []
        var wanted: [(chunk: Int, token: Int)] = []
        var (end, run) = (0, 0)
        let width = config.hiddenSize
        for (index, chunk) in rows.chunks.enumerated() {
            let count = chunk.range.count
            let first =
                switch chunk.wanted {
                case .none: count
                case .last: count - 1
                case .all: 0
                }
            wanted += (first..<count).map { (index, $0) }
            if count == 1 {
                if first == 0 { states += endStates[end * width..<(end + 1) * width] }
                end += 1
            } else {
                states += runStates[run][(first * width)...]
                run += 1
            }
        }
        return wanted.isEmpty ? [] : try handOut(states, wanted, rows, each)
    }

    /// Logits of final states, [wanted][hiddenSize], that are not normalized yet.
    private func handOut(
        _ states: [Float], _ wanted: [(chunk: Int, token: Int)], _ rows: Rows<ReferenceSequence>,
        _ each: ([LogitRow]) -> Void
    ) throws(TaperError) -> [ChunkFailure] {
        let (hidden, vocabulary) = (config.hiddenSize, config.vocabularySize)
        let normalized = try finalNorm(states, tokens: wanted.count)
        for (row, place) in wanted.enumerated() where rows.chunks[place.chunk].sequence.keepsStates {
            rows.chunks[place.chunk].sequence.states += normalized[row * hidden..<(row + 1) * hidden]
        }
        var logits = try uncheckedLogits(ofStates: normalized)
        var failures: [ChunkFailure] = []
        logits.withUnsafeMutableBufferPointer { logits in
            var found: [LogitRow] = []
            for (row, place) in wanted.enumerated() {
                let values = UnsafeMutableBufferPointer(rebasing: logits[row * vocabulary..<(row + 1) * vocabulary])
                let sequence = rows.chunks[place.chunk].sequence
                let position = sequence.position - rows.chunks[place.chunk].range.count + place.token
                do throws(TaperError) {
                    if let base = values.baseAddress {
                        try check(base, "logits", rows: 1, columns: vocabulary) { _ in "position \(position)" }
                    }
                    found.append(LogitRow(chunk: place.chunk, token: place.token, logits: values))
                } catch {
                    if failures.last?.chunk != place.chunk {
                        failures.append(ChunkFailure(chunk: place.chunk, error: error))
                    }
                }
            }
            each(found)
        }
        return failures
    }

    /// Logits of normalized final states, [states][vocabularySize].
    public func logits(ofStates states: [Float]) throws(TaperError) -> [Float] {
        let logits = try uncheckedLogits(ofStates: states)
        try check(logits, "logits", columns: config.vocabularySize) { "state \($0)" }
        return logits
    }

    private func uncheckedLogits(ofStates states: [Float]) throws(TaperError) -> [Float] {
        let count = states.count / config.hiddenSize
        let head = try weights.headMatrix()
        let bias = try weights.headBias()
        return filled(count * config.vocabularySize) {
            arithmetic.head(states, head, bias: bias, tokens: count, into: $0)
        }
    }
}
