extension Tokenizer {
    /// Whether a text is the bytes of its tokens (`bytes(of:)`) one after another, but for spaces at its ends.
    public var joinsBytes: Bool {
        if settings.kind == .byteLevel { return settings.decoders == [.bytes] }
        var (isFused, writesSpaces, joinsByteTokens) = (false, false, false)
        for step in settings.decoders {
            switch step {
            case .fuse, .bytes: isFused = true
            case .byteFallback: joinsByteTokens = true
            case .metaspace: writesSpaces = true
            case .replace(let pattern, let content):
                guard pattern == Mark.bytes, content == Mark.space else { return false }
                writesSpaces = true
            case .strip(let content, _, _): if !isFused || content != Mark.space { return false }
            case .spaces: return false
            }
        }
        return writesSpaces && (joinsByteTokens || !byteTokens.contains { $0 >= 0 })
    }
}
