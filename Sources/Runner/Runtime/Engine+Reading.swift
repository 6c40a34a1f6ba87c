public import Decoding
public import Model
public import Storage

// One sequence, and tokens that are known: what measurements need.
extension Engine {
    /// Reads tokens into a sequence: logits [vocabularySize] after the last of them, valid until the next call.
    /// - Throws: what `run` throws, and the sequence's failure.
    @discardableResult
    public func read(
        _ tokens: [Int], into sequence: TokenSequence, bits: Precision
    ) throws(TaperError) -> UnsafeBufferPointer<Float> {
        var last = UnsafeBufferPointer<Float>(start: nil, count: 0)
        try read(tokens, into: sequence, wanting: .last, bits: bits) { last = $1 }
        return last
    }

    /// The same, handing out the logits of the tokens that are wanted, with the token's index.
    public func read(
        _ tokens: [Int], into sequence: TokenSequence, wanting: Rows<TokenSequence>.Wanted, bits: Precision,
        each: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws(TaperError) {
        // Checked here, because a chunk is never empty.
        try check(tokens, continuing: sequence)
        var rows = Rows<TokenSequence>()
        rows.append(tokens[...], to: sequence, wanting: wanting)
        let failures = try run(rows, bits: bits) { wanted in
            for row in wanted { each(row.token, UnsafeBufferPointer(row.logits)) }
        }
        if let failure = failures.first { throw failure.error }
    }
}
