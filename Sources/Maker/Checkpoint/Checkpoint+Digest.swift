public import Storage

/// 128 bits that stand for content. Two XXH64: they find accidents, not attackers.
public struct Digest: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public init(of bytes: [UInt8]) {
        self.init(high: checksum(bytes, seed: 0), low: checksum(bytes, seed: 1))
    }
}

extension Checkpoint {
    /// Raise it when the same bytes of a file are read as other weights than before.
    private static let readingVersion: UInt64 = 1
    /// Large enough to run at memory speed, small enough to divide a tensor among threads.
    private static let hashedBlock = 4 << 20

    /// The content of every tensor by its canonical name: the stored bytes and how they are read, no names, no times.
    ///
    /// Every byte of the weights is read, at the speed of memory or disk. Nothing is kept for a later run: a size and a
    /// modification time do not prove that a file is what it was.
    /// - Parameters:
    ///   - inParallel: runs a body for every number below a count, on any threads.
    ///   - progress: hears the share of the bytes that are read.
    /// - Throws: `inputOutput` when a file changed since it was opened.
    public func tensorDigests(
        inParallel: (_ count: Int, _ body: (Int) -> Void) -> Void, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [String: Digest] {
        struct Block {
            let file: SourceFile
            let range: Range<Int>
        }
        var blocks: [Block] = []
        var firstBlocks: [Range<Int>] = []
        for tensor in tensors {
            let view = try view(tensor.name)
            let bytes = view.storedBytes(rows: 0..<view.rows)
            let first = blocks.count
            for start in stride(from: bytes.lowerBound, to: bytes.upperBound, by: Self.hashedBlock) {
                blocks.append(
                    Block(file: view.stored.file, range: start..<min(start + Self.hashedBlock, bytes.upperBound)))
            }
            for piece in view.further { blocks.append(Block(file: piece.file, range: piece.bytes)) }
            firstBlocks.append(first..<blocks.count)
        }
        var hashes = [UInt64](repeating: 0, count: blocks.count)
        // Some at a time, so that an interrupt is heard and pages that were read do not pile up.
        let batch = 64
        for first in stride(from: 0, to: blocks.count, by: batch) {
            try Interrupt.check("Run the same command again to go on")
            let count = min(batch, blocks.count - first)
            hashes.withUnsafeMutableBufferPointer { buffer in
                nonisolated(unsafe) let out = buffer
                inParallel(count) { part in
                    let block = blocks[first + part]
                    let file = block.file
                    out[first + part] = checksum(UnsafeRawBufferPointer(rebasing: file.bytes[block.range]))
                    file.map.advise(.doNotNeed, range: block.range)
                }
            }
            progress(Double(first + count) / Double(blocks.count))
        }
        var digests: [String: Digest] = [:]
        for (tensor, range) in zip(tensors, firstBlocks) {
            let view = try view(tensor.name)
            for piece in [view.stored] + view.further { try piece.file.verifyUnchanged() }
            var writer = ByteWriter()
            writer.u64(Self.readingVersion)
            writer.string(view.stored.encoding.name + ";")
            for size in [view.stored.shape.count, view.shape.count, view.firstRow, view.interleavedHeadSize ?? 0]
                + view.stored.shape + view.shape
            { writer.u64(UInt64(size)) }
            // Weights that are not finite are refused or read, and a refusal must not be skipped.
            writer.u8(acceptsNonfinite ? 1 : 0)
            for hash in hashes[range] { writer.u64(hash) }
            // Constants that become part of it.
            let folded = folding.change(of: tensor.name, config)
            if folded != (0, 1) {
                writer.u64(folded.offset.bitPattern)
                writer.u64(folded.factor.bitPattern)
            }
            // What other tensors make of this one.
            if let scaling, scaling.changes(tensor.name) { scaling.write(to: &writer, name: tensor.name) }
            digests[tensor.name] = Digest(of: writer.bytes)
        }
        return digests
    }
}
