import Runtime
import Storage
import Text

/// Sequences that the model wrote itself.
struct OwnText {
    let sequences: [[Int]]

    /// The token before a document in the model's training text, as far as the tokenizer tells: the one it puts before every text
    /// (Llama), else `<|endoftext|>`, by which GPT-2 and many after it separate documents (in instruction models the
    /// beginning and end tokens are often those of a message), else its beginning or end token.
    static func separator(_ tokenizer: Tokenizer) -> Int? {
        if tokenizer.addsBos { return tokenizer.bosToken }
        return tokenizer.id(ofToken: "<|endoftext|>") ?? tokenizer.bosToken ?? tokenizer.eosToken
    }

    /// Number and length, then all tokens.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(sequences.count))
        for sequence in sequences {
            writer.u64(UInt64(sequence.count))
            for token in sequence { writer.u32(UInt32(token)) }
        }
        return writer.bytes
    }

    /// Any number would do; this one is fixed so that the same recipe gives the same text.
    private static let seed = 1

    /// A sequence starts with the token that separates documents, then one drawn from the calibration text's, so that the
    /// sequences begin as differently as the text's words; all after is the model's.
    static func plan(
        _ tokenizer: Tokenizer, text tokens: [Int], count: Int, length: Int, place: String
    ) throws(TaperError) -> OwnTextPlan {
        let separator = separator(tokenizer)
        guard separator != nil || !tokens.isEmpty else {
            throw TaperError(
                .badData, "the tokenizer has no token that separates documents", at: place,
                remedy: "Give a calibration text, whose tokens can begin the model's own")
        }
        var random = RandomGenerator(seed: UInt64(seed))
        let starts = (0..<count).map { _ in
            let first = tokens.isEmpty ? nil : tokens[Int(random.next() % UInt64(tokens.count))]
            return [separator, first].compactMap { $0 }
        }
        return OwnTextPlan(starts: starts, length: length, seed: seed)
    }

    init(sequences: [[Int]]) { self.sequences = sequences }

    init(bytes: [UInt8]) throws(TaperError) {
        sequences = try bytes.withBytes { raw throws(TaperError) -> [[Int]] in
            var reader = ByteReader(raw, place: "stored text of the model")
            var sequences: [[Int]] = []
            for _ in 0..<(try reader.count("sequences", limit: Recipe.sequenceLimit)) {
                var sequence: [Int] = []
                for _ in 0..<(try reader.count("tokens", limit: Recipe.lengthLimit)) {
                    sequence.append(Int(try reader.u32("token")))
                }
                sequences.append(sequence)
            }
            return sequences
        }
    }
}
