/// Turns ids into text as they come, holding back what later ids may change: bytes that are no whole character yet, the start of
/// what a decoder replaces.
public struct StreamDecoder {
    private let tokenizer: Tokenizer
    private var decoder: TokenDecoder

    /// - Parameters:
    ///   - atStart: the first token starts the text, so the space that the tokenizer put there is dropped.
    ///   - isExact: hold back runs of byte tokens to their end, because `decode` turns all of a run into U+FFFD when any of it is no
    ///     UTF-8; otherwise characters come as soon as they are whole.
    public init(_ tokenizer: Tokenizer, atStart: Bool = false, isExact: Bool = false) {
        self.tokenizer = tokenizer
        decoder = TokenDecoder(tokenizer.settings.decoders, atStart: atStart, isEager: !isExact)
    }

    /// Text that became final with this token; special tokens give none.
    public mutating func append(_ id: Int) -> String {
        if tokenizer.isSpecial(id) && !tokenizer.standsForByte(id) { return "" }
        guard let spelling = tokenizer.spelling(of: id) else { return "" }
        decoder.feed(spelling)
        return decoder.take()
    }

    /// What is left at the end; an unfinished character becomes U+FFFD.
    public mutating func finish() -> String {
        decoder.finish()
        return decoder.take()
    }
}
