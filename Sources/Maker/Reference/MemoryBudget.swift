/// Memory that stages may use where more of it saves time. What they make does not depend on it.
public struct MemoryBudget: Equatable, Sendable {
    /// Of weights that are kept instead of being read again, in bytes.
    public let weightBytes: Int
    /// Of what sequences that are worked on together keep, in bytes: hidden states, or keys and values.
    public let stateBytes: Int

    /// 1 GB of each: what a machine has beside the other things that it does.
    public static let usual = MemoryBudget(weightBytes: 1 << 30, stateBytes: 1 << 30)

    /// For machines on which nothing else fits: nothing is kept, and few sequences go together.
    public static let least = MemoryBudget(weightBytes: 0, stateBytes: 1 << 26)

    private init(weightBytes: Int, stateBytes: Int) {
        self.weightBytes = weightBytes
        self.stateBytes = stateBytes
    }

    /// Shares of what a conversion may have as a whole: a third for weights, a quarter for states, the rest for what a pass needs.
    public init(of byteCount: Int) { self.init(weightBytes: byteCount / 3, stateBytes: byteCount / 4) }
}
