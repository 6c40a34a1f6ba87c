import Evaluation
import Model
import Storage
import Testing

@Suite struct PrecisionListTests {
    @Test func listsHoldRangesOfWholePrecisionsAndRungs() throws {
        let rung = Precision(hundredths: 350)
        #expect(try Precision.list(parsing: "2-4,3.5,6,3", place: "--bits") == [2, 3, rung, 4, 6])
        for text in ["", "2-", "4-2", "2.5-4", "2--4", "2,,3", "2-3-4"] {
            #expect(throws: TaperError(.usage, "")) { try Precision.list(parsing: text, place: "--bits") }
        }
    }
}
