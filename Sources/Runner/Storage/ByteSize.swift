/// Bytes from "20GB", "500 MB", "1.5T", "0": powers of ten; from "2GiB" powers of two.
/// - Parameter name: of the setting, for messages.
/// - Throws: `usage` for anything else.
public func byteCount(parsing text: String, of name: String) throws(TaperError) -> Int {
    var rest = Array(text.utf8).filter { $0 != 0x20 }[...]
    /// Takes a letter from the end, in either case.
    func ends(with letter: UInt8) -> Bool {
        guard let last = rest.last, last == letter || last == letter + 0x20 else { return false }
        rest.removeLast()
        return true
    }
    let isInBytes = ends(with: 0x42)
    let isBinary = isInBytes && ends(with: 0x49)
    var factor = 1.0
    for (power, letter) in "KMGT".utf8.enumerated() where factor == 1 && ends(with: letter) {
        for _ in 0...power { factor *= isBinary ? 1024 : 1000 }
    }
    // Not "0x10", nor "1e3", nor "5iB".
    guard rest.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2e }), !(isBinary && factor == 1),
        let value = parseDouble(String(decoding: rest, as: UTF8.self)), value * factor < 1e18
    else {
        throw TaperError(
            .usage, "not a size", at: field(name), expected: "such as 20GB or 500MB", found: printable(text))
    }
    return Int(value * factor)
}
