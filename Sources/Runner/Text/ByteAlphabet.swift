/// GPT-2's alphabet: a printable character for every byte.
enum ByteAlphabet {
    private static let byteOf: [UInt32: UInt8] = {
        var map: [UInt32: UInt8] = [:]
        var extra: UInt32 = 256
        for byte in 0..<256 {
            let isPrintable =
                (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte) || (0xae...0xff).contains(byte)
            if isPrintable {
                map[UInt32(byte)] = UInt8(byte)
            } else {
                map[extra] = UInt8(byte)
                extra += 1
            }
        }
        return map
    }()

    /// The bytes that a token's characters stand for; nil when one is outside the alphabet.
    static func bytes(_ token: String) -> [UInt8]? {
        var out: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = byteOf[scalar.value] else { return nil }
            out.append(byte)
        }
        return out
    }
}
