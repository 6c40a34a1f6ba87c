/// What making the screens of a head takes, for who tells it beforehand.
public enum HeadScreenCost {
    /// Tokens that give directions, and tokens that screens are tried on.
    static let directionTokens = 2048
    static let knownTokens = 4096
    /// Fewer tell nothing: of all sequences, of those that screens are tried on, and that give directions.
    public static let leastTokens = 1024
    static let leastKnown = 512
    static let leastStates = 128
    /// Rows whose errors are held at a time.
    static let piece = 4096
    /// Tokens that run through the bundle.
    public static let tokens = directionTokens + knownTokens
    /// States, or as many rows of errors, in memory.
    public static let states = tokens + 3 * piece

    /// A direction costs a byte a row, and narrow heads need more of them.
    public static func directions(columns: Int) -> Int { min(columns <= 1024 ? 32 : 16, columns / 8) }
}
