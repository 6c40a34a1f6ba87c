internal import CKernels
public import Storage

/// The kernels in use: the best this processor has, unless `TAPER_ISA` asks for less.
public enum InstructionSet: Int32, Sendable, CaseIterable {
    case scalar = 0
    case avx2 = 1
    case avx512 = 2

    public var name: String {
        switch self {
        case .scalar: "scalar"
        case .avx2: "avx2"
        case .avx512: "avx512"
        }
    }

    public static var best: InstructionSet { InstructionSet(rawValue: ck_best_isa()) ?? .scalar }
    public static var available: [InstructionSet] { allCases.filter { $0.rawValue <= best.rawValue } }

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
            .usage, "unknown instruction set", at: "TAPER_ISA", expected: "scalar, avx2 or avx512",
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
