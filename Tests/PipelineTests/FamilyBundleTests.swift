import Foundation
import Kernels
import Storage
import Testing

/// Small bundles of every family, whose logits and texts the reader in `formats/reader` computes too: `formats/golden/families`.
@Suite struct FamilyBundleTests {
    static let folder = TaperProgram.root + "/formats/golden/families"
    static let names = [
        "gemma2", "gemma3", "granite", "llama-biases", "llama-linear", "llama-llama3", "llama-longrope", "llama-yarn",
        "mistral", "olmo2",
        "phi", "phi-tied", "qwen2-rung", "qwen2-window", "qwen3", "smollm3", "stablelm", "stablelm-heads",
        "stablelm-parallel",
    ]
    private static func golden(_ name: String) throws -> JSONValue {
        try JSONValue.parse(try Files.read(folder + "/" + name + ".json", limit: 1 << 20), place: name)
    }

    @Test func everyBundleIsRead() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".taper") }
        #expect(Set(files) == Set(Self.names.map { $0 + ".taper" }))
    }

    /// The files hold five decimals; what is printed is the same for every instruction set.
    @Test(arguments: names) func logitsAreAsWritten(name: String) throws {
        let golden = try Self.golden(name)
        let tokens = try #require(golden["tokens"]?.array).compactMap(\.integer)
        let cases = try #require(golden["logits"]?.array)
        #expect(!cases.isEmpty && tokens.count > 8)
        for item in cases {
            let bits = try #require(item["bits"]?.string)
            var printed: Set<String> = []
            for set in InstructionSet.available {
                let outcome = try Shell.run(
                    "TAPER_ISA=\(set.name) $TAPER logits $1 --tokens $2 --bits $3 --json",
                    [
                        Self.folder + "/" + name + ".taper", tokens.map(String.init).joined(separator: ","), bits,
                    ])
                try #require(outcome.status == 0, "\(outcome.errors)")
                guard printed.insert(outcome.output).inserted else { continue }
                let rows = try #require(try outcome.json["logits"]?.array).map { ($0.array ?? []).compactMap(\.double) }
                let expected = try #require(item["last"]?.array).compactMap(\.double)
                let last = try #require(rows.last)
                #expect(rows.count == tokens.count && !expected.isEmpty && last.count >= expected.count)
                let apart = zip(last, expected).map { abs($0 - $1) }.max() ?? .infinity
                #expect(apart < 6e-6, "\(name), \(bits) bits, \(set.name): \(apart)")
                let best = rows.map { row in row.indices.max { row[$0] < row[$1] } }
                #expect(best == item["argmax"]?.array?.map(\.integer), "\(name), \(bits) bits, \(set.name)")
            }
            #expect(printed.count == 1, "\(name), \(bits) bits: instruction sets differ")
        }
    }

    /// Greedy texts of the runner, whose caches and batches the logits above do not go through.
    @Test(arguments: names) func textsAreAsWritten(name: String) throws {
        let golden = try Self.golden(name)
        let prompt = try #require(golden["prompt"]?.string)
        let cases = try #require(golden["generations"]?.array)
        #expect(cases.count == golden["logits"]?.array?.count)
        for item in cases {
            let bits = try #require(item["bits"]?.string)
            let expected = try #require(item["tokens"]?.array).map(\.integer)
            #expect(expected.count > 4)
            for set in InstructionSet.available {
                let outcome = try Shell.run(
                    "TAPER_ISA=\(set.name) $RUNNER -m $1 -p $2 -n 16 --bits $3 --json",
                    [Self.folder + "/" + name + ".taper", prompt, bits])
                try #require(outcome.status == 0, "\(outcome.errors)")
                let tokens = try outcome.json["tokens"]?.array?.map(\.integer)
                #expect(tokens == expected, "\(name), \(bits) bits, \(set.name)")
            }
        }
    }
}
