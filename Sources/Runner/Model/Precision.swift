public import Storage

/// A precision that a bundle serves: a whole number of bits (nested codes of 2 to 8 bits, or half precision, 16), or a rung
/// between two whole precisions, named by the average bits of its weights. Counted in hundredths of a bit, so exact.
public struct Precision: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Hundredths of a bit: 400 for 4 bits, 350 for the rung 3.5.
    public let hundredths: Int

    /// No precision is larger; keeps every sum of precisions far from overflow.
    public static let highest = Precision(bits: BitWidth.half)

    public init(hundredths: Int) { self.hundredths = hundredths }
    public init(bits: Int) { hundredths = bits * 100 }
    public init(integerLiteral value: Int) { self.init(bits: value) }

    public var isWhole: Bool { hundredths % 100 == 0 }
    public var isRung: Bool { !isWhole }
    /// nil for a rung.
    public var wholeBits: Int? { isWhole ? hundredths / 100 : nil }
    /// The whole precision at or below: what a tensor outside the linear layers is read at, at most.
    public var roundedDown: Int { hundredths / 100 }
    public var bits: Double { Double(hundredths) / 100 }

    public static func < (left: Precision, right: Precision) -> Bool { left.hundredths < right.hundredths }

    /// Mean of some precisions, in bits; nil of none.
    public static func mean(_ all: [Precision]) -> Double? {
        all.isEmpty ? nil : Double(all.reduce(0) { $0 + $1.hundredths }) / Double(all.count * 100)
    }

    /// "4", "3.5", "3.25": without needless zeros.
    public var text: String {
        let (whole, rest) = (String(hundredths / 100), hundredths % 100)
        if rest == 0 { return whole }
        if rest % 10 == 0 { return whole + "." + String(rest / 10) }
        return whole + (rest < 10 ? ".0" : ".") + String(rest)
    }
    public var description: String { text }

    /// "4 bits", "3.5 bits (rung)": for tables.
    public var label: String { text + (isRung ? " bits (rung)" : " bits") }

    /// Reads what `text` writes: digits, and perhaps a point and one or two digits that do not end in zero; from 1 to 16.
    public init?(text: String) {
        var whole = 0
        var fraction = 0
        var fractionDigits = -1
        var digits = 0
        var last: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x2e {
                guard fractionDigits < 0, digits > 0 else { return nil }
                fractionDigits = 0
                continue
            }
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            last = byte
            if fractionDigits < 0 {
                // No leading zero, and at most two digits before the point.
                guard digits < 2, !(digits == 0 && byte == 0x30) else { return nil }
                digits += 1
                whole = whole * 10 + Int(byte - 0x30)
            } else {
                guard fractionDigits < 2 else { return nil }
                fractionDigits += 1
                fraction = fraction * 10 + Int(byte - 0x30)
            }
        }
        guard digits > 0, fractionDigits != 0, fractionDigits < 0 || last != 0x30 else { return nil }
        if fractionDigits == 1 { fraction *= 10 }
        hundredths = whole * 100 + fraction
        guard self >= 1, self <= Precision.highest else { return nil }
    }

    /// An integer when whole, else a number such as 3.5.
    public var json: JSONValue { wholeBits.map { .integer($0) } ?? .number(bits) }

    /// Reads what `json` writes, from 1 to 16; nil for a number that is no hundredth, and for a whole one with a fraction.
    public init?(json: JSONValue?) {
        switch json {
        case .integer(let bits):
            guard bits >= 1, bits <= 16 else { return nil }
            self.init(bits: bits)
        case .number(let value):
            guard value >= 1, value <= 16 else { return nil }
            let nearest = Precision(hundredths: Int((value * 100).rounded()))
            guard nearest.isRung, nearest.bits == value else { return nil }
            self = nearest
        default: return nil
        }
    }

    /// Refuses a precision that a bundle does not serve; `served` ascending, rungs included.
    /// - Parameter holder: what serves them, where it is no bundle.
    public func check(
        served: [Precision], code: TaperError.Code = .usage, by holder: String = "bundle", place: String
    ) throws(TaperError) {
        if served.contains(self) { return }
        throw TaperError(
            code,
            "the " + holder + (isRung ? " has no rung of " + text + " bits" : " holds no " + text + "-bit weights"),
            at: place, expected: "one of " + Precision.text(served), found: text)
    }

    /// "2, 3.5, 4", for messages.
    public static func text(_ all: [Precision]) -> String { all.map { $0.text }.joined(separator: ", ") }
}
