import Kernels
public import Model
import Storage

/// What the system is told of the sections that a precision reads, or no longer reads.
extension Bundle {
    /// Asks the system to read ahead what decoding at `bits` needs.
    public func willNeed(bits: Precision) {
        let used = tensorBits(bits)
        for section in table.sections where section.kind == .mapped && isRead(section, at: used) {
            file.advise(.willNeed, range: section.range)
        }
    }

    /// Whole bits at which the linear tensors are read, without repetition; not empty.
    private func tensorBits(_ precision: Precision) -> [Int] {
        // Rungs that cannot be read are refused before anything is decoded with them.
        if precision.isRung, let rung = knownRungs?.first(where: { $0.precision == precision }) {
            return manifest.precisions.filter { rung.bits.contains($0) }
        }
        return [manifest.precisions[BitWidth.index(of: precision.roundedDown, in: manifest.precisions)]]
    }

    private func isRead(_ section: SectionInfo, at used: [Int]) -> Bool {
        guard let part = TensorSection(section.name), part.group == Manifest.linearGroup else { return true }
        // 16 bits stand alone; a nested precision reads all planes up to its own.
        return used.contains { $0 == part.bits || part.part == .planes && BitWidth.isNested($0) && part.bits < $0 }
    }

    /// Gives back the pages of linear layers that `bits` does not read. Large pages map parts of the sections beside those
    /// that are read.
    public func releaseUnread(bits: Precision) {
        guard file.isMapped else { return }
        let used = tensorBits(bits)
        for section in table.sections where section.kind == .mapped && !isRead(section, at: used) {
            file.advise(.doNotNeed, range: section.range)
        }
    }

    /// Gives back the pages of planes, tables and 16-bit weights above the highest bits that `bits` reads, up to the highest
    /// that `highest` reads; they are read again from the file when needed. Returns their bytes: none of a copy.
    @discardableResult
    public func releasePlanes(above bits: Precision, upTo highest: Precision = 16) -> Int {
        guard file.isMapped else { return 0 }
        let low = tensorBits(bits).max() ?? bits.roundedDown
        // A whole precision that the bundle lacks still bounds what is released.
        let high = highest.wholeBits ?? tensorBits(highest).max() ?? highest.roundedDown
        var byteCount = 0
        for section in table.sections {
            guard let part = TensorSection(section.name), part.group == Manifest.linearGroup, part.bits > low,
                part.bits <= high
            else {
                continue
            }
            file.advise(.doNotNeed, range: section.range)
            byteCount += section.storedByteCount
        }
        return byteCount
    }

    /// The file's bytes that some memory is; what is not the file's is passed over.
    public func ranges(of parts: [UnsafeRawBufferPointer]) -> ByteRanges {
        guard let base = file.bytes.baseAddress else { return ByteRanges([]) }
        var found: [Range<Int>] = []
        for part in parts {
            guard let start = part.baseAddress.map({ $0 - base }), start >= 0, start + part.count <= file.bytes.count
            else { continue }
            found.append(start..<start + part.count)
        }
        return ByteRanges(found)
    }

    private static let page = BundleFormat.sectionAlignment

    /// Gives back the pages of matrices, and of what was decompressed, outside of what is kept: they are read again from the file when
    /// needed. Large pages, which map the neighbourhood of what is read too, stay out of them.
    /// - Returns: what was given back.
    public func release(except kept: ByteRanges) -> ByteRanges {
        guard file.isMapped else { return ByteRanges([]) }
        var gaps: [Range<Int>] = []
        for section in table.sections
        where section.kind == .zstd || section.name == SectionName.bytes || TensorSection(section.name) != nil {
            // Between tensors lie some bytes that share a page with both.
            for gap in kept.gaps(in: section.range) {
                let (start, end) = (
                    roundedUp(gap.lowerBound, to: Bundle.page), gap.upperBound / Bundle.page * Bundle.page
                )
                if start < end { gaps.append(start..<end) }
            }
        }
        let released = ByteRanges(gaps)
        for range in released.all {
            file.advise(.doNotNeed, range: range)
            file.advise(.smallPages, range: range)
        }
        return released
    }

    /// Lets large pages map what `release` gave back, before it is read again.
    public func hold(_ ranges: ByteRanges) {
        for range in ranges.all { file.advise(.largePages, range: range) }
    }

    /// Maps the pages of what is going to be read, which are read from the file where they have to be.
    public func populate(_ ranges: ByteRanges) {
        for range in ranges.all { file.advise(.populate, range: range) }
    }
}
