/// Numbers as the `tokenizers` library reads them from JSON.
enum LibraryNumber {
    /// The library's parser takes all digits for one integer and then divides by a power of ten, both rounded: often the neighbour of
    /// the nearest number. Equal sums of scores must be equal here too, so the same is done to the shortest digits, which are those
    /// that the library writes.
    static func reread(_ value: Double) -> Double {
        var digits: UInt64 = 0
        var exponent = 0
        var written = 0
        var isNegativeExponent = false
        var (sawPoint, sawExponent) = (false, false)
        for character in String(value).utf8 {
            switch character {
            case 0x2e: sawPoint = true
            case 0x65: sawExponent = true
            case 0x2d: if sawExponent { isNegativeExponent = true }
            case 0x30...0x39:
                let digit = UInt64(character - 0x30)
                if sawExponent {
                    written = written * 10 + Int(digit)
                } else {
                    // At most 17 digits, and no more zeros than a number without exponent is written with.
                    digits = digits &* 10 &+ digit
                    if sawPoint { exponent -= 1 }
                }
            default: return value
            }
        }
        exponent += isNegativeExponent ? -written : written
        // Beyond, powers of ten are rounded themselves; scores lie far inside.
        guard abs(exponent) <= 22, digits < 1_000_000_000_000_000_000 else { return value }
        var power = 1.0
        for _ in 0..<abs(exponent) { power *= 10 }
        let size = exponent < 0 ? Double(digits) / power : Double(digits) * power
        return value < 0 ? -size : size
    }
}
