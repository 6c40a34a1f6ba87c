import Checkpoint
import Foundation
import Model
import Reference
import Storage
import Testing
import Text

/// The trained sample checkpoint against `samples/tiny/golden.json`: logits, argmax, greedy text and tokenization as the
/// transformers library computes them in float32.
@Suite struct SampleOracleTests {
    static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/samples/tiny"

    @Test func matchesTheTransformersLibrary() throws {
        let golden = try JSONValue.parse(
            try Files.read(Self.folder + "/golden.json", limit: 1 << 24), place: "golden.json")
        let checkpoint = try Checkpoint.open(Self.folder)
        let tokenizer = try checkpoint.tokenizer()
        let model = try ReferenceModel(checkpoint, residency: .resident, threads: 2)
        let vocabulary = model.config.vocabularySize
        let stop = try #require(golden["stop_tokens"]?.array).compactMap(\.integer)
        let cases = try #require(golden["cases"]?.array)
        #expect(cases.count >= 8)
        for item in cases {
            let tokens = try #require(item["tokens"]?.array).compactMap(\.integer)
            #expect(try tokenizer.encode(try #require(item["text"]?.string)) == tokens)
            let logits = try model.logits(tokens)
            let best = tokens.indices.map { position in
                let row = logits[position * vocabulary..<(position + 1) * vocabulary]
                return row.indices.max { row[$0] < row[$1] }.map { $0 - position * vocabulary }
            }
            #expect(best == item["argmax"]?.array?.map(\.integer))
            let start = try #require(item["logits_from_position"]?.integer)
            for (offset, row) in try #require(item["logits"]?.array).enumerated() {
                let expected = try #require(row.array).compactMap(\.double)
                #expect(expected.count == vocabulary)
                let found = logits[(start + offset) * vocabulary..<(start + offset + 1) * vocabulary]
                // Written with four decimals.
                #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 2e-3 })
            }
            // The library keeps the token that ends the text.
            let greedy = try #require(item["greedy"]?.array).compactMap(\.integer)
            #expect(
                try model.greedy(tokens, maxNewTokens: greedy.count, stop: stop) == greedy.filter { !stop.contains($0) }
            )
        }
    }
}
