internal import CKernels
public import Storage

/// The kernels in use: the best this processor has, unless `TAPER_ISA` asks for less.
public enum InstructionSet: Int32, Sendable, CaseIterable {
    case scalar = 0
    case avx2 = 1
    /// With the byte dot product of AVX-VNNI.
    case avx2VNNI = 2
    /// With VNNI, without VBMI.
    case avx512 = 3
    case avx512VBMI = 4
    /// AVX-512 with VBMI, and the tile registers of AMX for several tokens at once.
    case amx = 5
    case neon = 6
    /// With the dot product of Armv8.2.
    case neonDot = 7

    public var name: String {
        switch self {
        case .scalar: "scalar"
        case .avx2: "avx2"
        case .avx2VNNI: "avx2-vnni"
        case .avx512: "avx512"
        case .avx512VBMI: "avx512-vbmi"
        case .amx: "amx"
        case .neon: "neon"
        case .neonDot: "neon-dot"
        }
    }

    public static var best: InstructionSet { InstructionSet(rawValue: ck_best_isa()) ?? .scalar }
    public static var available: [InstructionSet] { allCases.filter { ck_table($0.rawValue) != nil } }

    /// - Throws: `usage` for an unknown name or a set this processor lacks.
    public static func select(override: String?) throws(TaperError) -> InstructionSet {
        guard let override, !override.isEmpty else { return best }
        for set in allCases where set.name == override {
            guard ck_table(set.rawValue) != nil else {
                throw TaperError(
                    .usage, "this processor has no " + set.name, at: "TAPER_ISA",
                    remedy: "The best it has is " + best.name)
            }
            return set
        }
        throw TaperError(
            .usage, "unknown instruction set", at: "TAPER_ISA",
            expected: "scalar, avx2, avx2-vnni, avx512, avx512-vbmi, amx, neon or neon-dot",
            found: printable(override))
    }
}

/// The C functions of one instruction set.
struct KernelTable {
    let functions: ck_table_t

    init(_ set: InstructionSet) {
        guard let table = ck_table(set.rawValue) else { preconditionFailure("instruction set not available") }
        functions = table.pointee
    }
}

/// An entry of a kernel table. A hole in it is our own fault, and going on would leave garbage where a result should be.
@inline(__always)
func required<Function>(_ entry: Function?) -> Function {
    guard let entry else { preconditionFailure("an instruction set lacks a kernel") }
    return entry
}
