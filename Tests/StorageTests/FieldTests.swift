import Storage
import Testing

@Suite struct FieldTests {
    @Test func fieldsBecomeTheCallersWords() {
        let error = TaperError(
            .usage, "the value is impossible", at: field("top_p"), expected: "above 0",
            remedy: "Use a smaller " + field("n"))
        #expect(
            worded(error.message) { usualFlag($0) }
                == "--top-p: the value is impossible; expected above 0. Use a smaller --n")
        #expect(worded(error.message) == "top_p: the value is impossible; expected above 0. Use a smaller n")
    }

    @Test(arguments: ["", "plain", "\u{ff}\u{2028}", "\u{e000}open", "closed\u{e001}", "\u{ee80}"])
    func otherTextStays(_ text: String) { #expect(worded(text) { _ in "x" } == text) }
}
