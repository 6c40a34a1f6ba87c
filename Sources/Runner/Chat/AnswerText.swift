public import Model
public import Text

/// The text of an answer as its tokens come: decoded, in runs of one precision, and ended by stop texts.
public struct AnswerText {
    /// Texts that end answers.
    public struct Stops: Sendable {
        var plain: [String]
        /// Those that name special tokens, alone or among text.
        var special: [String] = []

        /// - Parameter tokenizer: tells which of `texts` name special tokens.
        /// - Parameter known: stops that are known to name none.
        public init(_ texts: [String], known: [String], _ tokenizer: Tokenizer) {
            plain = []
            for text in texts {
                // What the vocabulary cannot spell holds no special token.
                let ids = (try? tokenizer.encode(text, addSpecial: false, parseSpecial: true)) ?? []
                if ids.contains(where: tokenizer.isSpecial) { special.append(text) } else { plain.append(text) }
            }
            plain += known
        }
    }

    private let tokenizer: Tokenizer
    private var decoder: StreamDecoder
    private var stops: StopSequences
    private var lastBits: Precision = 0

    /// - Parameters:
    ///   - atStart: the first token starts the text: what is written is an answer, no continuation.
    ///   - isStreamed: somebody reads along. Text that nobody waits for is exactly what decoding all of it gives.
    public init(_ tokenizer: Tokenizer, stops: Stops, atStart: Bool, isStreamed: Bool) {
        self.tokenizer = tokenizer
        decoder = StreamDecoder(tokenizer, atStart: atStart, isExact: !isStreamed && stops.plain.isEmpty)
        self.stops = StopSequences(stops.plain, special: stops.special)
    }

    /// Whether a stop text has been written.
    public var hasEnded: Bool { stops.found != nil }

    /// Takes a token, and hands out what has become final.
    /// - Parameter bits: of the step that made it.
    public mutating func append(_ token: Int, bits: Precision, emit: (String, Precision) -> Void) {
        lastBits = bits
        if tokenizer.isSpecial(token) {
            stops.append(special: tokenizer.piece(of: token), emit: emit)
        } else {
            stops.append(decoder.append(token), bits: bits, emit: emit)
        }
    }

    /// Hands out what was held back, at the end of the answer.
    public mutating func finish(emit: (String, Precision) -> Void) {
        stops.append(decoder.finish(), bits: lastBits, emit: emit)
        stops.finish(emit: emit)
    }
}
