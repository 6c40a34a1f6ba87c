import Scoring
import Foundation
import Storage
import Testing

/// F-measures computed by the `rouge_score` package (make_rouge_golden.py).
@Suite struct RougeScoreTests {
    @Test func equalsThePackage() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/rouge.json"
        let cases = try #require(try JSONValue.parse(try Files.read(path, limit: 1 << 22), place: path).array)
        #expect(cases.count >= 100)
        for item in cases {
            let target = try #require(item["target"]?.string)
            let prediction = try #require(item["prediction"]?.string)
            for (key, stemming) in [("plain", false), ("stemmed", true)] {
                let expected = try #require(item[key]?.array).compactMap(\.double)
                let found = [
                    RougeScore.rougeN(1, target: target, prediction: prediction, stemming: stemming),
                    RougeScore.rougeN(2, target: target, prediction: prediction, stemming: stemming),
                    RougeScore.rougeL(target: target, prediction: prediction, stemming: stemming),
                ]
                for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-9, "\(key): \(target) | \(prediction)") }
            }
        }
    }

    @Test func severalReferencesEqualThePackagesBest() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/rouge-several.json"
        let cases = try #require(try JSONValue.parse(try Files.read(path, limit: 1 << 22), place: path).array)
        #expect(cases.count >= 50)
        for item in cases {
            let targets = try #require(item["targets"]?.array).compactMap(\.string)
            let prediction = try #require(item["prediction"]?.string)
            for (key, metrics) in [
                ("plain", [TaskMetric.rouge1, .rouge2, .rougeL]),
                ("stemmed", [.rouge1Stemmed, .rouge2Stemmed, .rougeLStemmed]),
            ] {
                let expected = try #require(item[key]?.array).compactMap(\.double)
                let found = metrics.map { $0.tally(answer: prediction, references: targets).score }
                for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-9, "\(key): \(targets)") }
            }
        }
    }

    @Test func agreementCountsPositionsOfTheLonger() {
        #expect(TokenAgreement.positions([1, 2, 3], [1, 2, 3]) == 1)
        #expect(TokenAgreement.positions([1, 2, 3, 4], [1, 9]) == 0.25)
        #expect(TokenAgreement.positions([], []) == 1)
        #expect(TokenAgreement.positions([], [1]) == 0)
    }
}
