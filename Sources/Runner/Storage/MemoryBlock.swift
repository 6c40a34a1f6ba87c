internal import CPlatform

/// Uninitialised memory aligned to 64 bytes, freed with its owner. Pages that nobody touches cost nothing.
public final class MemoryBlock {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// - Parameter dense: all of it will be used, so pages may be large.
    /// - Throws: `inputOutput` when the system refuses, naming what the memory was for and what to do.
    public init(byteCount: Int, dense: Bool = false, purpose: String, remedy: String) throws(TaperError) {
        if dense { try Memory.require(byteCount, for: purpose, remedy: remedy) }
        guard byteCount >= 0, let base = dense ? tp_allocate_huge(byteCount) : tp_allocate(byteCount) else {
            throw TaperError(
                .inputOutput, "not enough memory for " + purpose, at: "memory", expected: byteText(max(0, byteCount)),
                remedy: remedy)
        }
        self.base = base
        self.byteCount = byteCount
    }

    deinit { tp_free(base) }

    /// Memory for `count` values from byte `offset` on, which must be aligned for them.
    public func values<T>(_ type: T.Type, at offset: Int = 0, count: Int) -> UnsafeMutablePointer<T> {
        precondition(
            offset >= 0 && count >= 0 && offset + count * MemoryLayout<T>.stride <= byteCount, "outside the memory")
        return (base + offset).bindMemory(to: type, capacity: count)
    }
}
