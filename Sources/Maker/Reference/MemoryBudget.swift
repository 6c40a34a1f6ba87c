/// Memory that passes over the float model may use where more of it saves time. What they make does not depend on it.
public struct MemoryBudget: Equatable, Sendable {
    /// Of weights that are kept instead of being read again, in bytes.
    public let weightBytes: Int
    /// Of the hidden states of sequences that go through a block together, in bytes.
    public let stateBytes: Int

    /// 1 GB of each: what a machine has beside the other things that it does.
    public static let usual = MemoryBudget(weightBytes: 1 << 30, stateBytes: 1 << 30)

    private init(weightBytes: Int, stateBytes: Int) {
        self.weightBytes = weightBytes
        self.stateBytes = stateBytes
    }

    /// Shares of what a conversion may have as a whole: a third for weights, a quarter for states, the rest for what a pass needs.
    public init(of byteCount: Int) { self.init(weightBytes: byteCount / 3, stateBytes: byteCount / 4) }
}
