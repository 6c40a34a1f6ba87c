internal import CPlatform

/// What this process may still allocate.
///
/// Swift's arrays stop the program when memory runs out, so whoever makes one of a size that a file or a flag decides
/// asks here first.
public enum Memory {
    /// Smaller ones are not worth asking for.
    private static let largeByteCount = 1 << 24

    /// Bytes left under the limits of the machine, the control group and the process; nil when unknown.
    public static var availableByteCount: Int? {
        let count = tp_available_bytes()
        return count < 0 ? nil : Int(count)
    }

    /// - Throws: `inputOutput` when `byteCount` bytes are more than there are.
    public static func require(_ byteCount: Int?, for purpose: String, remedy: String = "") throws(TaperError) {
        if let byteCount, byteCount <= largeByteCount { return }
        let available = availableByteCount
        if let byteCount, byteCount <= available ?? Int.max { return }
        throw TaperError(
            .inputOutput, "not enough memory for " + purpose, at: "memory",
            expected: byteCount.map { byteText($0) } ?? "far more than there is",
            found: available.map { byteText($0) + " free" } ?? "", remedy: remedy)
    }

    /// The same for `factors` multiplied, such as rows, columns and bytes of an element.
    public static func require(
        product factors: [Int], for purpose: String, remedy: String = ""
    ) throws(TaperError) {
        try require(checkedProduct(factors), for: purpose, remedy: remedy)
    }
}

/// What this process holds of memory.
struct ProcessMemory {
    /// Pages of its own; of files, its program's too.
    let ownBytes, fileBytes: Int

    static var now: ProcessMemory {
        var (all, ofFiles): (Int64, Int64) = (0, 0)
        guard tp_resident(&all, &ofFiles) == 0 else { return ProcessMemory(ownBytes: 0, fileBytes: 0) }
        return ProcessMemory(ownBytes: Int(max(0, all - ofFiles)), fileBytes: Int(max(0, ofFiles)))
    }
}

/// What the machine and the control groups of this process say of memory.
package struct SystemMemory {
    /// Free, or taken by what can be dropped; nil when nobody says.
    package let availableBytes: Int?
    /// Percent of the last ten seconds in which some task, or every task, waited for memory.
    package let someStalled, allStalled: Double
    /// Of what is there and is not understood: it is passed over.
    package let warnings: [String]

    /// - Parameter root: a folder with `sys` and `proc`, instead of the machine's.
    package init(root: String = "") {
        var found = tp_memory_t()
        tp_memory(root, &found)
        availableBytes = found.available_bytes < 0 ? nil : Int(found.available_bytes)
        (someStalled, allStalled) = (found.some_stalled, found.all_stalled)
        var warnings: [String] = []
        for (bit, name) in [
            (TP_UNREAD_MACHINE, "/proc/meminfo"), (TP_UNREAD_GROUP, "a limit of the control group"),
            (TP_UNREAD_PRESSURE, "the pressure of memory"),
        ] where found.unread & UInt32(bit) != 0 {
            warnings.append(name + " says nothing that is understood; it is passed over")
        }
        self.warnings = warnings
    }
}
