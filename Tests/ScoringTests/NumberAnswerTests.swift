import Foundation
import Scoring
import Storage
import Testing

/// The metric `exact-number`: what counts as a number, and verdicts of the package that the problems come from.
@Suite struct NumberAnswerTests {
    private func isRight(_ answer: String, _ reference: String) -> Bool {
        TaskMetric.exactNumber.tally(answer: answer, references: [reference]).score == 1
    }

    /// `score_answer` of reasoning-gym 0.1.25 (`Scripts/prepare-arithmetic.py --oracle`).
    @Test func equalsThePackagesVerdicts() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/exact-number.json"
        let cases = try #require(try JSONValue.parse(try Files.read(path, limit: 1 << 22), place: path).array)
        #expect(cases.count >= 200)
        var verdicts: Set<Bool> = []
        for item in cases {
            let answer = try #require(item["answer"]?.string)
            let reference = try #require(item["reference"]?.string)
            let right = try #require(item["right"]?.bool)
            #expect(isRight(answer, reference) == right, "\(answer) | \(reference)")
            verdicts.insert(right)
        }
        #expect(verdicts.count == 2)
    }

    @Test(arguments: [
        ("The total is 1,234.", "1234"), ("She pays $18.50", "18.5"), ("so \\(\\boxed{42}\\).", "42"),
        ("= \\$1,000,000 in all", "1000000"), ("#### -7", "-7"), ("-$5", "-5"), ("\u{2212}3", "-3"),
        ("10 - 12 = -2", "-2"),
        ("It is 0.50", ".5"), ("007", "7"), ("-0.0", "0"), ("**12** apples", "12"), ("_42_", "42"), ("so __7__", "7"),
        ("30cm", "30"),
        ("\\boxed{12} apples, of which 5 are red", "12"), ("\\boxed{\\frac{1}{2}} = \\boxed{x = 8} of 9", "8"),
        ("\\boxed{17", "17"), ("5\n6", "6"), ("99999999999999999999999", "99999999999999999999999"),
    ])
    func readsTheNumberAnAnswerEndsWith(_ answer: String, _ reference: String) {
        #expect(isRight(answer, reference))
    }

    @Test(arguments: [
        ("", "0"), ("none", "0"), ("12 or 13", "12"), ("9-7", "-7"), ("(3)-2", "-2"), ("x-2", "-2"), ("x2", "2"),
        ("x_2", "2"),
        ("1,23", "123"), ("1,2345", "12345"), ("3.14", "3"), ("42", "-42"),
        ("99999999999999999999999", "99999999999999999999998"),
        ("0.1000000000000000055", "0.1"), ("\\boxed{} 4", "5"),
    ])
    func takesNothingElseForIt(_ answer: String, _ reference: String) {
        #expect(!isRight(answer, reference))
    }

    @Test func anyOfTheReferencesWillDo() {
        #expect(TaskMetric.exactNumber.tally(answer: "= 8", references: ["7", "8"]).score == 1)
        #expect(TaskMetric.exactNumber.countsRightAnswers && !TaskMetric.rougeL.countsRightAnswers)
    }
}
