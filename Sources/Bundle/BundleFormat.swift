import Storage

/// Constants of version 1 of the file format; `formats/bundle.md` is the specification.
enum BundleFormat {
    static let magic = Array("TAPERBND".utf8)
    static let version: UInt32 = 1
    static let headerByteCount = 64
    static let entryByteCount = 80
    static let nameByteCount = 40
    /// Sections start at pages, so that one can be mapped, advised on or dropped without touching its neighbours.
    static let sectionAlignment = 4096
    /// Tensors start at cache lines: one line is one load of the widest kernels.
    static let tensorAlignment = 64
    /// Sections are checksummed in blocks of this size, so that damage is located and a check can stop early.
    static let blockByteCount = 1 << 20
    static let sectionLimit = 256
    /// Largest decompressed section.
    static let rawByteLimit = 1 << 28
    static let tensorLimit = 1 << 20

    static let manifest = "manifest"
    static let checksums = "checksums"
    static let tokenizer = "tokenizer"
    static let vectors = "vectors"
    static let bytes = "bytes"
}

/// One entry of the table of sections.
public struct SectionInfo: Equatable, Sendable {
    public enum Kind: UInt32, Sendable {
        /// Used in place from the mapping.
        case mapped = 0
        /// One zstd frame.
        case zstd = 1
    }
    public let name: String
    public let kind: Kind
    /// From the start of the file.
    public let offset: Int
    public let storedByteCount: Int
    /// After decompression; equal to the stored count when mapped.
    public let rawByteCount: Int
    /// XXH64 of the stored bytes when they fit one block, else of the block checksums, little-endian, in order.
    public let checksum: UInt64

    public var range: Range<Int> { offset..<offset + storedByteCount }
    var blockCount: Int { (storedByteCount + BundleFormat.blockByteCount - 1) / BundleFormat.blockByteCount }
}

/// How one tensor is stored.
public struct TensorPlan: Equatable, Sendable {
    public enum Encoding: Equatable, Sendable {
        /// Codes in planes, a centroid table per row and precision. `group` names the sections: `<group>.planes.<bit>`
        /// and `<group>.tables.<precision>`.
        case nested(group: String, precisions: [Int])
        /// Bytes with a scale per row, in the section "bytes".
        case int8
        /// Single precision, in the section "vectors".
        case float
    }
    public let name: String
    /// [rows, columns] or [elements].
    public let shape: [Int]
    public let encoding: Encoding

    public init(name: String, shape: [Int], encoding: Encoding) {
        self.name = name
        self.shape = shape
        self.encoding = encoding
    }
}
