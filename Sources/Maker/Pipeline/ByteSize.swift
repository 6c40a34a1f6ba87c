public import Storage

/// Bytes from "20GB", "500 MB", "1.5TB", "0": powers of ten.
/// - Parameter name: of the setting, for messages.
/// - Throws: `usage` for anything else.
public func byteCount(parsing text: String, of name: String) throws(TaperError) -> Int {
    let units: [(String, Double)] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("B", 1), ("", 1)]
    let upper = text.uppercased().filter { $0 != " " }
    for (unit, factor) in units where upper.hasSuffix(unit) {
        let number = upper.dropLast(unit.count)
        // Not "0x10", nor "1e3".
        guard number.allSatisfy({ "0123456789.".contains($0) }), let value = Double(number), value * factor < 1e18
        else { break }
        return Int(value * factor)
    }
    throw TaperError(
        .usage, "not a size", at: field(name), expected: "such as 20GB or 500MB", found: printable(text))
}
