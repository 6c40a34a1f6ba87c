import Storage

/// Memory for floats that grows on demand and is kept for the next call; contents are undefined after growing.
final class FloatBuffer {
    private var block: MemoryBlock?
    private let purpose: String

    init(purpose: String) { self.purpose = purpose }

    /// - Throws: `inputOutput` when the system refuses.
    func reserve(_ count: Int) throws(TaperError) -> UnsafeMutablePointer<Float> {
        let byteCount = count * MemoryLayout<Float>.stride
        if let block, block.byteCount >= byteCount { return block.values(Float.self, count: count) }
        block = nil
        let made = try MemoryBlock(byteCount: byteCount, dense: true, purpose: purpose, remedy: "Use shorter sequences")
        block = made
        return made.values(Float.self, count: count)
    }

    /// One buffer cut into pieces of these sizes, each aligned to 64 bytes.
    func reserve(pieces counts: [Int]) throws(TaperError) -> [UnsafeMutablePointer<Float>] {
        let offsets = FloatBuffer.offsets(counts)
        let base = try reserve(offsets[counts.count])
        return offsets.dropLast().map { base + $0 }
    }

    /// Where each piece starts, and the size of all of them.
    static func offsets(_ counts: [Int]) -> [Int] {
        var offsets = [0]
        for count in counts { offsets.append(offsets[offsets.count - 1] + (count + 15) / 16 * 16) }
        return offsets
    }
}
