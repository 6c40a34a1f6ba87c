import Foundation
import Storage
import Testing

/// `taper logits`: of a checkpoint those of other software, of a bundle close to its checkpoint's, one row a token.
@Suite struct LogitsCommandTests {
    private func logits(_ model: String, _ tokens: [Int], _ options: [String] = []) throws -> [[Double]] {
        let outcome = try TaperProgram.run(
            ["logits", model, "--tokens", tokens.map(String.init).joined(separator: ","), "--json"] + options)
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json["schema"]?.string == "taper-logits-1")
        return try #require(try outcome.json["logits"]?.array).map { row in
            try #require(row.array).map { try #require($0.double) }
        }
    }

    /// Computed by transformers in float32; ours differ by the order of sums.
    @Test(arguments: ["llama-gqa-tied", "llama-mha-untied", "mistral", "phi", "qwen2", "stablelm"])
    func checkpointsGiveTheOraclesLogits(name: String) throws {
        let folder = TaperProgram.root + "/Tests/Oracles/" + name
        let golden = try JSONValue.parse(try Files.read(folder + "/golden.json", limit: 1 << 24), place: name)
        let tokens = try #require(golden["input_ids"]?.array).compactMap(\.integer)
        let positions = try #require(golden["logits_positions"]?.array).compactMap(\.integer)
        let expected = try #require(golden["logits"]?.array).map { ($0.array ?? []).map { $0.double ?? .nan } }
        let rows = try logits(folder, tokens)
        #expect(rows.count == tokens.count && positions.count == expected.count && !positions.isEmpty)
        for (position, row) in zip(positions, expected) {
            let apart = zip(rows[position], row).map { abs($0 - $1) }.max() ?? .infinity
            #expect(apart < 2e-4, "\(name), position \(position): \(apart)")
        }
    }

    /// The mean difference of logits falls as precision rises, and the highest is the default.
    @Test func bundlesComeCloserBitByBit() throws {
        let sample = try EvaluatedSample.shared.get()
        let tokens = [1201, 261, 900, 269, 1446, 14, 316, 261, 366]
        let full = try logits(sample.checkpoint, tokens)
        func distance(_ rows: [[Double]]) -> Double {
            let differences = zip(full.joined(), rows.joined()).map { abs($0 - $1) }
            return differences.reduce(0, +) / Double(differences.count)
        }
        let (two, four) = (
            try logits(sample.bundle, tokens, ["--bits", "2"]), try logits(sample.bundle, tokens, ["--bits", "4"])
        )
        #expect(distance(four) < distance(two) && distance(four) > 0)
        #expect(try logits(sample.bundle, tokens) == four)
    }

    @Test(arguments: [
        ["--tokens", "1,x"], ["--tokens", "1,999999"], ["--tokens", ""], ["--tokens", "1", "--bits", "9"],
    ])
    func whatMakesNoSenseIsRefused(options: [String]) throws {
        let sample = try EvaluatedSample.shared.get()
        let outcome = try TaperProgram.run(["logits", sample.bundle] + options)
        #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome.errors)")
    }
}
