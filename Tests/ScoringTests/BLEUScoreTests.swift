import Scoring
import Foundation
import Storage
import Testing

/// Tokens and scores computed by the `sacrebleu` package (make_bleu_golden.py).
@Suite struct BLEUScoreTests {
    let golden: JSONValue

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/bleu.json"
        golden = try JSONValue.parse(try Files.read(path, limit: 1 << 22), place: path)
    }

    @Test func tokensEqualThePackages() throws {
        let cases = try #require(golden["tokens"]?.array)
        #expect(cases.count >= 400)
        for item in cases {
            let text = try #require(item["text"]?.string)
            let expected = try #require(item["tokens"]?.array).compactMap(\.string)
            // Code points, not characters that look alike.
            let found = TokenizationV13a.tokens(text)
            #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(text.debugDescription)")
        }
    }

    @Test func corpusAndSentenceScoresEqualThePackages() throws {
        let corpora = try #require(golden["corpora"]?.array)
        #expect(corpora.count >= 12)
        for item in corpora {
            let answers = try #require(item["answers"]?.array).compactMap(\.string)
            let references = try #require(item["references"]?.array).map { $0.array?.compactMap(\.string) ?? [] }
            let sentences = try #require(item["sentences"]?.array).compactMap(\.double)
            var sum = BLEUCounts()
            for (index, answer) in answers.enumerated() {
                let counts = BLEUCounts(answer: answer, references: references[index])
                #expect(abs(counts.score(.exponential, effectiveOrder: true) - sentences[index]) < 1e-9)
                sum += counts
            }
            #expect(sum.matches == item["counts"]?.array?.compactMap(\.integer))
            #expect(sum.totals == item["totals"]?.array?.compactMap(\.integer))
            #expect([sum.answerLength, sum.referenceLength] == item["lengths"]?.array?.compactMap(\.integer))
            #expect(abs(sum.score(.exponential) - (try #require(item["score"]?.double))) < 1e-9)
            #expect(abs(sum.score(.none) - (try #require(item["plain"]?.double))) < 1e-9)
            // The same signature, but for whose program it was.
            let signature = BLEUCounts.signature(referenceCounts: references.map(\.count))
            #expect(
                signature == item["signature"]?.string?.replacing("version:", with: "version:compatible-with-"))
            // As a metric: the corpus score of the tallies, not a mean of sentences.
            for (metric, key, unit) in [(TaskMetric.sacrebleu, "score", 1.0), (.bleu, "plain", 100)] {
                let scores = MetricScores(
                    metric,
                    tallies: zip(answers, references).map { metric.tally(answer: $0, references: $1) })
                #expect(abs(scores.value * unit - (try #require(item[key]?.double))) < 1e-9)
            }
        }
    }
}
