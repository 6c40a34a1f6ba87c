import Model
import Storage
import Testing

@Suite struct PrecisionListTests {
    @Test func listsHoldRangesOfWholePrecisionsAndRungs() throws {
        let rung = Precision(hundredths: 350)
        #expect(try Precision.list(parsing: "2-4,3.5,6,3", place: "bits") == [2, 3, rung, 4, 6])
        for text in ["", "2-", "4-2", "2.5-4", "2--4", "2,,3", "2-3-4"] {
            #expect(throws: TaperError(.usage, "")) { try Precision.list(parsing: text, place: "bits") }
        }
    }

    @Test(arguments: [
        ("2-6", [2, 3, 4, 5, 6]), ("4", [4]), ("8,2,4", [2, 4, 8]), ("2-4,16", [2, 3, 4, 16]),
        ("16,2-3,6", [2, 3, 6, 16]), ("3,2-4", [2, 3, 4]),
    ])
    func storedListsAreAscending(_ text: String, _ bits: [Int]) throws {
        #expect(try Precision.storedList(parsing: text, place: "bits") == bits)
    }

    @Test(arguments: ["", "1-3", "2-9", "6-2", "x", "2,,3", "2-4-6", "9", "15", "17", "8-16", "3.5", "2-", "-2"])
    func whatNoWeightIsStoredInIsRefusedWithItsPlace(_ text: String) throws {
        do throws(TaperError) {
            _ = try Precision.storedList(parsing: text, place: "embedding bits")
            Issue.record("accepted")
        } catch {
            #expect(error.code == .usage && error.message.hasPrefix("embedding bits: "), "\(error.message)")
        }
    }

    @Test func everyPrecisionIsNestedOrARungOrHalf() {
        for hundredths in 1...2000 {
            let kind = Precision(hundredths: hundredths).kind
            switch hundredths {
            case 200, 300, 400, 500, 600, 700, 800: #expect(kind == .nested)
            case 1600: #expect(kind == .half)
            case 201..<800: #expect(kind == .rung)
            default: #expect(kind == nil, "\(hundredths)")
            }
        }
    }
}
