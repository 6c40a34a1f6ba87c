import Storage
import Text

/// Sequences that the model wrote itself.
struct OwnText {
    let key: ContentKey
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

    init(key: ContentKey, sequences: [[Int]]) {
        self.key = key
        self.sequences = sequences
    }

    init(key: ContentKey, bytes: [UInt8]) throws(TaperError) {
        self.key = key
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
