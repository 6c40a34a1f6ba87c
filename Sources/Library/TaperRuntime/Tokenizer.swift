internal import Text

/// The model's tokenizer: text to token ids and back.
public struct Tokenizer: Sendable {
    let inner: Text.Tokenizer

    public var vocabularySize: Int { inner.vocabularySize }
    public var startToken: Int? { inner.bosToken }
    public var endToken: Int? { inner.eosToken }

    /// Ids of a text's tokens.
    /// - Parameters:
    ///   - text: any text.
    ///   - addsSpecial: puts what the tokenizer adds around a text, such as a start token.
    ///   - readsSpecial: special tokens in the text count as such, not as plain text.
    /// - Throws: `invalidData` for text that the vocabulary cannot spell.
    public func encode(
        _ text: String, addsSpecial: Bool = false, readsSpecial: Bool = false
    ) throws(TaperError) -> [Int] {
        try translated { () throws(ModuleError) in
            try inner.encode(text, addSpecial: addsSpecial, parseSpecial: readsSpecial)
        }
    }

    /// Tokens of a text.
    public func count(_ text: String) throws(TaperError) -> Int { try encode(text).count }

    /// Text of a sequence of tokens; bytes that are not UTF-8 become U+FFFD.
    /// - Parameters:
    ///   - tokens: ids; those outside the vocabulary add nothing.
    ///   - keepsSpecial: writes special tokens out by their names.
    public func decode(_ tokens: [Int], keepsSpecial: Bool = false) -> String {
        inner.decode(tokens, skipSpecial: !keepsSpecial)
    }

    /// What the token stands for in a text, which may be a part of a character; nothing for an id outside the vocabulary.
    package func bytes(of token: Int) -> [UInt8] { inner.bytes(of: token) }

    /// The token's own spelling; nil for an id outside the vocabulary.
    public func spelling(of token: Int) -> String? {
        token >= 0 && token < vocabularySize ? inner.piece(of: token) : nil
    }

    /// The token of this spelling.
    public func token(spelled text: String) -> Int? { inner.id(ofToken: text) }

    /// Whether the token is markup, no text.
    public func isSpecial(_ token: Int) -> Bool { inner.isSpecial(token) }
}
