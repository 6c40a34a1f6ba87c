public import Model
import Storage

/// Tokens to be run in one call: chunks of prompts and next tokens, of any sequences.
///
/// Meant to be filled again and again: what it has allocated it keeps.
public struct Rows<Sequence: ExecutorSequence> {
    /// Of which tokens logits are wanted.
    public enum Wanted: Sendable { case none, last, all }

    /// Tokens that continue one sequence.
    public struct Chunk {
        public let sequence: Sequence
        /// Places in `tokens`; never empty.
        public let range: Range<Int>
        public let wanted: Wanted
        /// Of the weights, where it is not the call's.
        public let bits: Precision?
        /// How many of the largest logits have to be right, and of which tokens besides; others may be minus infinity.
        public let leading: Int
        public let tokens: [Int]
    }

    /// Tokens of all chunks, one chunk after the other.
    public private(set) var tokens: [Int] = []
    public private(set) var chunks: [Chunk] = []

    public init() {}

    public mutating func append(
        _ tokens: ArraySlice<Int>, to sequence: Sequence, wanting: Wanted, bits: Precision? = nil,
        leading: Int = Int.max, and others: [Int] = []
    ) {
        precondition(!tokens.isEmpty, "a chunk has tokens")
        let start = self.tokens.count
        for token in tokens { self.tokens.append(token) }
        chunks.append(
            Chunk(
                sequence: sequence, range: start..<self.tokens.count, wanted: wanting, bits: bits, leading: leading,
                tokens: others))
    }

    /// A sequence's next token, whose logits are wanted.
    public mutating func append(
        _ token: Int, to sequence: Sequence, bits: Precision? = nil, leading: Int = Int.max, and others: [Int] = []
    ) {
        tokens.append(token)
        chunks.append(
            Chunk(
                sequence: sequence, range: tokens.count - 1..<tokens.count, wanted: .last, bits: bits,
                leading: leading, tokens: others))
    }

    public mutating func removeAll() {
        tokens.empty()
        chunks.empty()
    }
}
