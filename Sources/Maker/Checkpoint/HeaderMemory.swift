import Storage

/// Memory for what headers and indexes of a checkpoint say, counted before each entry is kept: a file of 50 MB may describe a million
/// tensors, which would take ten times as much. All files of a checkpoint count together.
struct HeaderMemory {
    /// 149,000 tensors with short names; a model of 4096 layers, the most there may be, has 90,000.
    static let limit = 1 << 26
    /// Of an entry in all that is made of it until the checkpoint is open, names aside; measured and rounded up.
    static let entryByteCount = 450

    private(set) var byteCount = 0

    /// Counts an entry: it, and twice its texts, which are kept more than once.
    /// - Throws: `badData` when it would be too much.
    mutating func keep(_ texts: Int, place: String) throws(TaperError) {
        // Texts are parts of a file, so nothing here overflows.
        byteCount += HeaderMemory.entryByteCount + 2 * texts
        guard byteCount <= HeaderMemory.limit else {
            throw TaperError(
                .badData, "too many tensors or other entries", at: place,
                expected: "what " + byteText(HeaderMemory.limit) + " of memory hold: "
                    + String(HeaderMemory.limit / HeaderMemory.entryByteCount) + " with short names")
        }
    }
}
