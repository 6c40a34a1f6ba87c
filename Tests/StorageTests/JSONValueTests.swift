import Storage
import Testing

@Suite struct JSONValueTests {
    private func parse(_ text: String) throws(TaperError) -> JSONValue {
        try JSONValue.parse(Array(text.utf8), place: "t")
    }

    @Test(arguments: [
        "null", "true", "[1,2.5,-3]", "{\"a\":{\"b\":[]},\"c\":\"\\u00e9\\n\"}", "{}", "0", "\"x\"", " [1] ",
    ])
    func acceptsValidDocuments(text: String) throws {
        let value = try parse(text)
        // Writing and reading again gives the same text.
        #expect(try parse(value.text()).text() == value.text())
        #expect(try parse(value.text(indented: true)).text() == value.text())
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "nul", "'a'", "[1] x", "1 2", "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "\u{feff}{}", "[NaN]", "[Infinity]", "[01]", "{\"a\"}", "\"\t\"", "// c\n{}",
    ])
    func refusesWhatIsNotStrictJSON(text: String) {
        #expect(throws: TaperError(.badData, "")) { try parse(text) }
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: TaperError(.badData, "")) { try JSONValue.parse([0x22, 0xff, 0x22], place: "t") }
    }

    @Test func refusesDeepNestingWithoutOverflowingTheStack() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(throws: TaperError(.badData, "")) { try parse(deep) }
        let fine = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(throws: Never.self) { try parse(fine) }
    }

    @Test func keepsIntegersExactAndMembersInOrder() throws {
        let value = try parse("{\"z\":9007199254740993,\"a\":-1,\"big\":18446744073709551615}")
        #expect(value.members?.map(\.key) == ["z", "a", "big"])
        #expect(value["z"]?.integer == 9_007_199_254_740_993)
        #expect(value["big"]?.integer == nil)
        #expect(value["big"]?.double == 18_446_744_073_709_551_616)
    }

    @Test func keysWithColonsAndEscapesAreNotMistakenForDuplicates() throws {
        let value = try parse("{\"a:b\":\"c:d\",\"q\\\":\":1}")
        #expect(value["a:b"]?.string == "c:d")
        #expect(value["q\":"]?.integer == 1)
    }

    /// Also those of U+0080 to U+009F, which some terminals obey.
    @Test func controlCharactersAreWrittenAsEscapes() throws {
        let text = "a\u{1b}\u{7f}\u{80}\u{9b}\u{a0}\u{c2}\u{e9}\u{0}"
        let written = JSONValue.string(text).text()
        #expect(written == "\"a\\u001b\\u007f\\u0080\\u009b\u{a0}\u{c2}\u{e9}\\u0000\"")
        #expect(try Array(parse(written).string?.utf8 ?? "".utf8) == Array(text.utf8))
    }

    @Test func zeroKeepsItsSign() throws {
        let text = JSONValue.array([.number(-0.0), .number(0), .integer(0)]).text()
        #expect(text == "[-0.0,0,0]")
        let values = try #require(try JSONValue.parse(Array(text.utf8), place: "test").array)
        #expect(values[0].double?.sign == .minus && values[0].integer == nil)
    }
}
