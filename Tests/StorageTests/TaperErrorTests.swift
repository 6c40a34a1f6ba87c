import Storage
import Testing

@Suite struct TaperErrorTests {
    @Test func theMessageIsMadeOfTheParts() {
        let error = TaperError(.badData, "wrong", at: "file", expected: "1", found: "2", remedy: "Mend it")
        #expect(error.message == "file: wrong; expected 1, found 2. Mend it")
        #expect(
            [error.what, error.place, error.expected, error.found, error.remedy] == [
                "wrong", "file", "1", "2", "Mend it",
            ])
        #expect(TaperError(.badData, "wrong", at: "", found: "2").message == "wrong; found 2")
        #expect(TaperError(.badData, "wrong").message == "wrong" && TaperError(.badData, "wrong").what == "wrong")
    }

    @Test func aPlaceIsPutInFront() {
        let inner = TaperError(.badData, "wrong", at: "inner", found: "2")
        #expect(
            inner.at("outer").message == "outer: inner: wrong; found 2" && inner.at("outer").place == "outer: inner")
        #expect(TaperError(.badData, "wrong").at("outer").message == "outer: wrong")
    }
}
