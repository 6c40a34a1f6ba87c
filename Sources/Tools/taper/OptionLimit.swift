import Storage

/// The largest numbers that options take: those of a recipe (`pipelines/convert.md`), far from where sums and products of them
/// overflow.
enum OptionLimit {
    static let newTokens = 65536
    static let examples = 100_000
    static let prompts = 100_000
    static let runs = 100_000
    static let layers = 100_000

    /// - Throws: `usage` naming the option that is out of its range.
    static func check(_ option: String, _ value: Int?, _ range: ClosedRange<Int>) throws(TaperError) {
        guard let value, !range.contains(value) else { return }
        throw TaperError(
            .usage, "not a usable value", at: option,
            expected: "an integer from \(range.lowerBound) to \(range.upperBound)", found: String(value))
    }

    /// Numbers of 1 to 1024, separated by commas.
    static func counts(_ text: String, at flag: String, example: String) throws(TaperError) -> [Int] {
        var counts: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let count = Int(part), (1...1024).contains(count) else {
                throw TaperError(
                    .usage, "not a list of numbers", at: flag, expected: "1 to 1024 each, such as " + example,
                    found: printable(text))
            }
            counts.append(count)
        }
        return counts
    }
}
