public import Kernels
public import Storage

/// Which blocks of a bundle's mapped sections have been compared with their checksums (`formats/bundle.md`, Checksums): all that is
/// about to be read for the first time, so that no damage changes a result. One thread calls.
public final class BlockChecks {
    private struct Mapped {
        let index: Int
        let start: Int
        let end: Int
        /// Of all blocks of the file.
        let firstBlock: Int
    }
    private let bundle: Bundle
    /// By their place in the file.
    private let mapped: [Mapped]
    /// Compared, or about to be.
    private var isKnown: [Bool]
    private var pending: [(section: Int, block: Int)] = []
    /// Bytes that were compared so far.
    public private(set) var byteCount = 0

    public init(_ bundle: Bundle) {
        self.bundle = bundle
        var mapped: [Mapped] = []
        let table = bundle.table
        for (index, section) in table.sections.enumerated()
        where section.kind == .mapped && index + 1 < table.sections.count && section.storedByteCount > 0 {
            mapped.append(
                Mapped(
                    index: index, start: section.offset, end: section.offset + section.storedByteCount,
                    firstBlock: table.firstBlock(index)))
        }
        mapped.sort { $0.start < $1.start }
        self.mapped = mapped
        isKnown = [Bool](repeating: false, count: table.blockChecksums.count)
    }

    /// Takes nothing as known.
    public func forget() {
        for index in isKnown.indices { isKnown[index] = false }
        pending.removeAll(keepingCapacity: true)
    }

    /// Takes nothing as known of what lies in these bytes of the file.
    public func forget(_ ranges: ByteRanges) {
        let size = BundleFormat.blockByteCount
        for section in mapped {
            for range in ranges.all where range.lowerBound < section.end && range.upperBound > section.start {
                let first = (max(range.lowerBound, section.start) - section.start) / size
                let last = (min(range.upperBound, section.end) - 1 - section.start) / size
                for block in first...last { isKnown[section.firstBlock + block] = false }
            }
        }
    }

    /// Blocks that were noted and not compared yet.
    public var pendingCount: Int { pending.count }

    /// Takes note of memory that is going to be read. What is not the file's is passed over.
    public func expect(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bundle.file.bytes.baseAddress, let from = bytes.baseAddress, bytes.count > 0 else { return }
        let start = from - base
        guard start >= 0, start < bundle.file.bytes.count else { return }
        // The last section that begins at or before it.
        var (low, high) = (0, mapped.count)
        while low < high {
            let middle = (low + high) / 2
            if mapped[middle].start <= start { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return }
        let section = mapped[low - 1]
        guard start < section.end else { return }
        let size = BundleFormat.blockByteCount
        let last = min(start + bytes.count, section.end) - 1
        for block in (start - section.start) / size...(last - section.start) / size
        where !isKnown[section.firstBlock + block] {
            isKnown[section.firstBlock + block] = true
            pending.append((section: low - 1, block: block))
        }
    }

    /// Compares what was noted with its checksums.
    /// - Throws: `badData` with the place of the damage; until then nothing of it should have been used.
    public func compare(_ pool: ThreadPool) throws(TaperError) {
        if pending.isEmpty { return }
        let bytes = bundle.file.bytes
        let found = checksums(of: pending.map { UnsafeRawBufferPointer(rebasing: bytes[range($0)]) }, pool: pool)
        defer { pending.removeAll(keepingCapacity: true) }
        var firstBad: Int?
        for (index, item) in pending.enumerated() {
            byteCount += range(item).count
            let block = mapped[item.section].firstBlock + item.block
            if found[index] == bundle.table.blockChecksums[block] { continue }
            // Another attempt has to find it, too.
            isKnown[block] = false
            firstBad = firstBad ?? index
        }
        guard let bad = firstBad else { return }
        let section = bundle.table.sections[mapped[pending[bad].section].index]
        throw Bundle.damage(range(pending[bad]), bundle.place(of: section.name))
    }

    private func range(_ item: (section: Int, block: Int)) -> Range<Int> {
        let section = mapped[item.section]
        let start = section.start + item.block * BundleFormat.blockByteCount
        return start..<min(start + BundleFormat.blockByteCount, section.end)
    }
}
