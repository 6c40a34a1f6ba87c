import Checkpoint
import Foundation
import Model
import Reference
import Storage
import Testing
import Text

/// Logits, argmax and greedy tokens as the transformers library computes them in float32.
@Suite struct ReferenceOracleTests {
    static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path + "/Oracles"
    /// Every folder there is, so that a new oracle cannot be forgotten.
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { !$0.hasPrefix("_") && Files.isDirectory(folder + "/" + $0) }.sorted()

    @Test func oraclesAreFound() { #expect(Self.names.count >= 19) }

    @Test(arguments: names)
    func matchesTheTransformersLibrary(name: String) throws {
        let folder = Self.folder + "/" + name
        let golden = try JSONValue.parse(try Files.read(folder + "/golden.json", limit: 1 << 26), place: name)
        let checkpoint = try Checkpoint.open(folder)
        for residency in [ReferenceModel.Residency.resident, .streamed] {
            let model = try ReferenceModel(checkpoint, residency: residency, threads: 2)
            try compare(model, golden, name)
        }
    }

    private func compare(_ model: ReferenceModel, _ golden: JSONValue, _ name: String) throws {
        let vocabulary = model.config.vocabularySize
        let tokens = try #require((golden["input_ids"] ?? golden["prompt_ids"])?.array).compactMap(\.integer)
        let logits = try model.logits(tokens)
        func check(_ position: Int, _ expected: JSONValue) {
            let worst = (expected.array ?? []).enumerated().reduce(0.0) { worst, item in
                max(
                    worst, abs(Double(logits[position * vocabulary + item.offset]) - (item.element.double ?? .infinity))
                )
            }
            #expect(expected.array?.count == vocabulary)
            #expect(worst < 2e-3, "\(name): position \(position)")
        }
        if let positions = golden["logits_positions"]?.array?.compactMap(\.integer), let rows = golden["logits"]?.array
        {
            for (position, row) in zip(positions, rows) { check(position, row) }
        } else {
            check(tokens.count - 1, try #require(golden["last_logits"]))
        }
        let best = try #require(golden["argmax"]?.array).compactMap(\.integer)
        #expect(best.count == tokens.count)
        for (position, expected) in best.enumerated() {
            let row = logits[position * vocabulary..<(position + 1) * vocabulary]
            #expect(row.indices.max { row[$0] < row[$1] }.map { $0 - position * vocabulary } == expected)
        }
        let prompt = try #require((golden["greedy_prompt"] ?? golden["prompt_ids"])?.array).compactMap(\.integer)
        let expected = try #require(golden["greedy_continuation"]?.array).compactMap(\.integer)
        #expect(try model.greedy(prompt, maxNewTokens: expected.count, stop: []) == expected)
        if let cases = golden["tokenizer_cases"]?.array {
            let tokenizer = try Checkpoint.open(Self.folder + "/" + name).tokenizer()
            for item in cases {
                let text = try #require(item["text"]?.string)
                #expect(try tokenizer.encode(text) == item["ids"]?.array?.compactMap(\.integer))
            }
        }
    }
}
