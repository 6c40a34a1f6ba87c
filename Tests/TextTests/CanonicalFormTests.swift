import Storage
import Testing
import Text

/// Unicode's normal forms, and the time that unusual text takes.
@Suite struct CanonicalFormTests {
    /// Text as a tokenizer of bytes sees it after a normalizer.
    private func normalized(_ text: String, _ form: String = "NFC") throws -> [Unicode.Scalar] {
        let json = try #require(try Fixtures.json("qwen2-nfc/tokenizer.json").members).map {
            $0.key == "normalizer" ? JSONValue.Member("normalizer", .object([.init("type", .string(form))])) : $0
        }
        let tokenizer = try Tokenizer(tokenizerJSON: .object(json), place: "t")
        return Array(tokenizer.decode(try tokenizer.encode(text)).unicodeScalars)
    }

    @Test func marksComposeAndAreOrdered() throws {
        #expect(try normalized("e\u{301}") == ["\u{e9}"])
        #expect(try normalized("\u{e9}", "NFD") == ["e", "\u{301}"])
        #expect(try normalized("q\u{307}\u{323}") == ["q", "\u{323}", "\u{307}"])
        #expect(try normalized("\u{1100}\u{1161}\u{11a8}") == ["\u{ac01}"])
        #expect(try normalized("abc \u{fb01}") == ["a", "b", "c", " ", "\u{fb01}"])
        #expect(try normalized("\u{fb01}\u{1e9b}\u{323}", "NFKC") == ["f", "i", "\u{1e69}"])
        #expect(try normalized("\u{1e9b}\u{323}", "NFKD") == ["s", "\u{323}", "\u{307}"])
    }

    /// As tokenizers 0.23.3, whose tables are of Unicode 9: U+0897 has no class there, U+11938 does not come apart.
    @Test func newerMarksKeepTheirPlace() throws {
        #expect(try normalized("a\u{897}\u{323}") == ["a", "\u{897}", "\u{323}"])
        #expect(try normalized("\u{11938}", "NFD") == ["\u{11938}"])
        #expect(try normalized("\u{11935}\u{11930}") == ["\u{11935}", "\u{11930}"])
    }

    /// Long runs go through another path than short ones.
    @Test(arguments: [5, 8, 9, 20, 33, 100])
    func longRunsOfMarksAreOrderedLikeShortOnes(count: Int) throws {
        let found = try normalized("a" + String(repeating: "\u{308}\u{323}\u{301}\u{345}", count: count))
        let below = [Unicode.Scalar](repeating: "\u{323}", count: count - 1)
        var above: [Unicode.Scalar] = []
        for _ in 0..<count { above += ["\u{308}", "\u{301}"] }
        let iota = [Unicode.Scalar](repeating: "\u{345}", count: count)
        #expect(found == ["\u{1ea1}"] + below + above + iota)
    }

    /// Quadratic time would take minutes.
    @Test(arguments: ["\u{301}", "e\u{301}\u{323}", "\u{323}\u{301}", "\u{f73}", "\u{344}"])
    func aMegabyteOfMarksTakesNoTime(unit: String) throws {
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        #expect(try normalized(text).count >= 100_000)
    }
}
