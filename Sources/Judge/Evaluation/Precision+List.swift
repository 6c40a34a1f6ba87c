public import Model
public import Storage

extension Precision {
    /// "2-6", "2,3.5,6" or "2-6,16": precisions, and ranges of whole ones; ascending, without repetition.
    /// - Throws: `usage` naming `place`.
    public static func list(parsing text: String, place: String) throws(TaperError) -> [Precision] {
        var all: [Precision] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Precision(text: String($0)) }
            if ends.count == 1, let one = ends[0] {
                all.append(one)
            } else if ends.count == 2, let low = ends[0]?.wholeBits, let high = ends[1]?.wholeBits, low <= high {
                for bits in low...high { all.append(Precision(bits: bits)) }
            } else {
                throw TaperError(
                    .usage, "not a list of precisions", at: place, expected: "such as 2-6 or 2,3.5,4",
                    found: "\"" + printable(text) + "\"")
            }
        }
        return Set(all).sorted()
    }
}
