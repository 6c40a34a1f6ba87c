public import Storage

extension Precision {
    /// What a bundle can have at some bits.
    public enum Kind: Sendable {
        /// Codes of whole bits, whose prefixes are the lower precisions.
        case nested
        /// An average of nested codes.
        case rung
        case half
    }

    /// nil for bits that no bundle has.
    public var kind: Kind? {
        if let whole = wholeBits {
            return BitWidth.isNested(whole) ? .nested : whole == BitWidth.half ? .half : nil
        }
        let (low, high) = (BitWidth.nested.lowerBound, BitWidth.nested.upperBound)
        return self > Precision(bits: low) && self < Precision(bits: high) ? .rung : nil
    }

    /// "2-6", "2,3.5,6" or "2-6,16": precisions, and ranges of whole ones; ascending, without repetition.
    /// - Throws: `usage` naming `place`.
    public static func list(parsing text: String, place: String) throws(TaperError) -> [Precision] {
        guard let all = list(text) else {
            throw wrong(text, "such as 2-6 or 2,3.5,4", place)
        }
        return all
    }

    /// The same of what weights are stored in: "2-6", "2,4,8" or "2-6,16".
    /// - Throws: `usage` naming `place`.
    public static func storedList(parsing text: String, place: String) throws(TaperError) -> [Int] {
        var stored: [Int] = []
        for precision in list(text) ?? [0] {
            guard let bits = precision.wholeBits, precision.kind != nil else {
                throw wrong(
                    text, "ranges and precisions from 2 to 8, and 16, such as 2-6, 2,4,6 or 2-6,16", place)
            }
            stored.append(bits)
        }
        return stored
    }

    private static func list(_ text: String) -> [Precision]? {
        var all: Set<Precision> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Precision(text: String($0)) }
            if ends.count == 1, let one = ends[0] {
                all.insert(one)
            } else if ends.count == 2, let low = ends[0]?.wholeBits, let high = ends[1]?.wholeBits, low <= high {
                for bits in low...high { all.insert(Precision(bits: bits)) }
            } else {
                return nil
            }
        }
        return all.sorted()
    }

    private static func wrong(_ text: String, _ expected: String, _ place: String) -> TaperError {
        TaperError(
            .usage, "not a list of precisions", at: place, expected: expected, found: "\"" + printable(text) + "\"")
    }
}
