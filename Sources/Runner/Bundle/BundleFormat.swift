import Kernels
import Storage

/// Constants of version 2 of the file format; `formats/bundle.md` is the specification.
enum BundleFormat {
    static let magic = Array("TAPERBND".utf8)
    static let version: UInt32 = 2
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
    /// Largest decompressed section: a tokenizer of 256 thousand tokens takes about 10 MB, and a hostile frame must not
    /// make a small machine allocate more than it can give.
    static let rawByteLimit = 1 << 26
    /// Parsed JSON takes up to a hundred times its text, so texts have tighter bounds: 1 MiB is a manifest of 8,000
    /// tensors.
    static let manifestByteLimit = 1 << 20
    static let documentByteLimit = 1 << 22
    /// The channels of 80 blocks of 28,672 take 12.3 MiB, as a few long strings, which parsing does not swell.
    static let channelsByteLimit = 1 << 24
    /// No section of tensors can be larger; keeps every sum of sizes far from overflow.
    static let sectionByteLimit = 1 << 50
    static let tensorLimit = 1 << 20

    /// Required feature of a file that holds `SectionName.half`: readers before it refuse the file instead of its manifest.
    static let halfFeature: UInt64 = 1
    static let knownFeatures = halfFeature

    /// 1 to 40 of the characters A-Z a-z 0-9 . _ -: safe to print, to match and to type.
    static func isSectionName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= nameByteCount
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
                default: false
                }
            }
    }

    /// Largest unpacked content of a compressed section.
    static func byteLimit(_ section: String) -> Int {
        switch section {
        case SectionName.manifest: manifestByteLimit
        case SectionName.tokenizer: rawByteLimit
        case SectionName.channels: channelsByteLimit
        default: documentByteLimit
        }
    }

    /// Names whose content this module makes itself; nobody else may write a document under them.
    static func isReserved(_ name: String) -> Bool {
        switch name {
        case SectionName.manifest, SectionName.checksums, SectionName.tokenizer, SectionName.vectors, SectionName.bytes,
            SectionName.learned, SectionName.learnedWeights:
            true
        default: TensorSection(name) != nil || SectionName.isHeadScreen(name)
        }
    }
}

/// The name of a section of nested tensors, taken apart: "linear.planes.3", "embedding.tables.6", "linear.half".
struct TensorSection: Equatable {
    enum Part { case planes, tables, half }
    let group: String
    let part: Part
    let bits: Int

    init?(_ name: String) {
        if name == SectionName.half {
            group = Manifest.linearGroup
            part = .half
            bits = BitWidth.half
            return
        }
        let pieces = name.split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count == 3, BundleLayout.isGroupName(String(pieces[0])), pieces[2].utf8.count == 1,
            let bits = Int(pieces[2]), BitWidth.isNested(bits), pieces[1] == "planes" || pieces[1] == "tables"
        else { return nil }
        group = String(pieces[0])
        part = pieces[1] == "planes" ? .planes : .tables
        self.bits = bits
    }
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
        /// and `<group>.tables.<precision>`. The linear layers are the group "linear"; no other matrix is in it, so
        /// that cutting its sections leaves embedding and head alone. Precision 16 is no code: its weights stand in
        /// half precision in "linear.half", beside the planes.
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
