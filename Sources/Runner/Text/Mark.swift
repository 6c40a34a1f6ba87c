/// Bytes that the steps of tokenizers put into text. Functions, not constants: the compiler's embedded mode fails on
/// constant arrays that several files use.
enum Mark {
    /// U+2581, which stands for a space.
    static var bytes: [UInt8] { Array("\u{2581}".utf8) }
    static var space: [UInt8] { Array(" ".utf8) }
    /// U+FFFD, which stands for what is no text.
    static var replacement: [UInt8] { Array("\u{fffd}".utf8) }
}
