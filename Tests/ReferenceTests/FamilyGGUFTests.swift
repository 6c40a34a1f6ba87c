import Checkpoint
import Foundation
import Model
import Reference
import Storage
import Testing

/// GGUF files of every family as llama.cpp's converter writes them, against what transformers computes on the same weights.
@Suite struct FamilyGGUFTests {
    static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        + "/CheckpointTests/Fixtures/gguf"
    static let names = [
        "gemma2", "gemma2-46-layers", "gemma3", "granite", "llama-bias", "llama-linear", "llama-llama3", "llama-yarn",
        "llama-yarn-stated",
        "olmo2", "phi3-partial", "phi3-window", "qwen2-yarn", "qwen3", "smollm3", "stablelm-parallel-qknorm",
        "stablelm-sequential-qknorm",
    ]

    /// A new file cannot be forgotten here.
    @Test func everyFileIsCompared() throws {
        let present = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
            .filter { $0.hasSuffix(".gguf") }.map { String($0.dropLast(5)) }
        #expect(present.sorted() == Self.names.sorted())
    }

    @Test(arguments: names) func givesTheLogitsOfTheTransformersLibrary(name: String) throws {
        let path = Self.folder + "/" + name
        let golden = try JSONValue.parse(try Files.read(path + ".json", limit: 1 << 24), place: name)
        let checkpoint = try Checkpoint.open(path + ".gguf")
        #expect(checkpoint.warnings.isEmpty)
        let model = try ReferenceModel(checkpoint, residency: .resident, threads: 2)
        let tokens = try #require(golden["input_ids"]?.array).compactMap(\.integer)
        let logits = try model.logits(tokens)
        let vocabulary = model.config.vocabularySize
        let positions = try #require(golden["logits_positions"]?.array).compactMap(\.integer)
        let rows = try #require(golden["logits"]?.array)
        #expect(positions.count == rows.count && positions.count >= 4)
        for (position, row) in zip(positions, rows) {
            let expected = try #require(row.array).compactMap(\.double)
            #expect(expected.count == vocabulary)
            let found = logits[position * vocabulary..<(position + 1) * vocabulary]
            let worst = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
            #expect(worst < 2e-3, "\(name): position \(position)")
        }
        let prompt = try #require(golden["greedy_prompt"]?.array).compactMap(\.integer)
        let continuation = try #require(golden["greedy_continuation"]?.array).compactMap(\.integer)
        #expect(try model.greedy(prompt, maxNewTokens: continuation.count, stop: []) == continuation)
    }
}
