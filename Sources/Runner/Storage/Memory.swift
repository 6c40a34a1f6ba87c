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
