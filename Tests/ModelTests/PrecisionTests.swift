import Model
import Storage
import Testing

@Suite struct PrecisionTests {
    @Test(arguments: [("4", 400), ("16", 1600), ("3.5", 350), ("3.25", 325), ("2.05", 205), ("1", 100), ("9.99", 999)])
    func textIsExactAndReadsBack(_ text: String, _ hundredths: Int) throws {
        let precision = try #require(Precision(text: text))
        #expect(precision.hundredths == hundredths && precision.text == text && "\(precision)" == text)
        #expect(Precision(json: precision.json) == precision)
        #expect(Precision(json: try JSONValue.parse(precision.json.bytes(), place: "test")) == precision)
        #expect(precision.json.text() == text)
    }

    @Test(arguments: [
        "", ".", "4.", ".5", "4.0", "3.50", "3.255", "03", "0", "0.5", "-3", "+3", "3,5", " 3", "3 ", "1e1", "16.01",
        "17", "999999999999999999999999", "3.5.1", "x",
    ])
    func otherTextIsRefused(_ text: String) { #expect(Precision(text: text) == nil) }

    @Test(arguments: [
        "4.0", "0", "17", "3.555", "-2", "1e400", "\"4\"", "null", "[]", "16.5", "0.99", "9223372036854775807",
    ])
    func otherJSONIsRefused(_ text: String) throws {
        #expect(Precision(json: try? JSONValue.parse(Array(text.utf8), place: "test")) == nil)
    }

    @Test func everyHundredthGoesThroughTextAndJSON() {
        for hundredths in 100...1600 {
            let precision = Precision(hundredths: hundredths)
            #expect(Precision(text: precision.text) == precision)
            #expect(Precision(json: precision.json) == precision)
        }
    }

    @Test func wholeAndRungAreToldApart() {
        let rung = Precision(hundredths: 350)
        #expect(rung.isRung && rung.wholeBits == nil && rung.roundedDown == 3 && rung.bits == 3.5)
        #expect(Precision(bits: 4) == 4 && (4 as Precision).wholeBits == 4 && (4 as Precision).json.integer == 4)
        #expect(([4, rung, 3] as [Precision]).sorted() == [3, rung, 4])
        #expect(rung.label == "3.5 bits (rung)" && (4 as Precision).label == "4 bits")
        #expect(Precision.mean([6, 3, rung, rung]) == 4 && Precision.mean([]) == nil)
    }
}
