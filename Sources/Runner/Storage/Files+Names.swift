/// Names that are not UTF-8 as text, and back: a byte of 80 to FF that belongs to no character is written as U+10FF80 to
/// U+10FFFF, private characters at the very end of Unicode, which `CPlatform` turns into the byte again. A name that holds
/// such a character itself is taken apart the same way, so that every name comes back exactly.
extension Files {
    private static let firstEscape: UInt32 = 0x10ff80

    /// Text for a terminated name or argument of the system.
    public static func text(ofPath name: UnsafePointer<CChar>) -> String {
        var bytes: [UInt8] = []
        var at = name
        while at.pointee != 0 {
            bytes.append(UInt8(bitPattern: at.pointee))
            at += 1
        }
        if let whole = plain(bytes[...]) { return whole }
        var text = ""
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            let count = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
            if index + count <= bytes.count, let character = plain(bytes[index..<index + count]) {
                text += character
                index += count
            } else {
                if let scalar = UnicodeScalar(firstEscape + UInt32(lead) - 0x80) { text.unicodeScalars.append(scalar) }
                index += 1
            }
        }
        return text
    }

    #if !hasFeature(Embedded)
    /// The command line after the program's name.
    public static func arguments() -> [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { text(ofPath: $0) }
        }
    }
    #endif

    /// Whether the text stands for bytes that are not UTF-8.
    public static func isEscaped(_ text: String) -> Bool { text.unicodeScalars.contains { $0.value >= firstEscape } }

    private static func plain(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let text = String(validating: bytes, as: UTF8.self), !isEscaped(text) else { return nil }
        return text
    }
}
