import Foundation
import Storage
import Testing

/// Bundles that earlier versions wrote say today what they said then, to the last bit: `formats/golden/written`.
@Suite struct WrittenBundleTests {
    static let folder = TaperProgram.root + "/formats/golden/written"
    static let versions = ["0.1.0-tiny"]

    @Test func everyBundleIsRead() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".taper") }
        #expect(names.sorted() == Self.versions.map { $0 + ".taper" }.sorted())
    }

    @Test(arguments: versions) func isSound(_ name: String) throws {
        let outcome = try TaperProgram.run(["inspect", Self.bundle(name), "--verify"])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// Kernels are equal bit for bit on every instruction set, so the comparison is exact.
    @Test(arguments: versions) func logitsAreAsWritten(_ name: String) throws {
        let golden = try Self.golden(name)
        let tokens = try #require(golden["tokens"]?.array).compactMap(\.integer)
        let cases = try #require(golden["logits"]?.array)
        #expect(cases.count >= 6)
        for item in cases {
            let bits = try #require(item["bits"]?.string)
            let rows = try #require(
                try TaperProgram.run([
                    "logits", Self.bundle(name), "--tokens", tokens.map(String.init).joined(separator: ","), "--bits",
                    bits, "--json",
                ]).json["logits"]?.array
            ).map { try #require($0.array).compactMap(\.double) }
            let best = rows.map { row in row.indices.max { row[$0] < row[$1] } }
            #expect(best == item["argmax"]?.array?.map(\.integer), "\(bits) bits")
            let last = try #require(item["last"]?.array).compactMap(\.double)
            #expect(!last.isEmpty && rows.last?.prefix(last.count) == last[...], "\(bits) bits")
        }
    }

    @Test(arguments: versions) func textsAreAsWritten(_ name: String) throws {
        let golden = try Self.golden(name)
        let cases = try #require(golden["generations"]?.array)
        #expect(cases.count >= 6)
        for item in cases {
            let arguments = try #require(item["arguments"]?.array).compactMap(\.string)
            let prompt = try #require(golden["prompt"]?.string)
            let outcome = try TaperProgram.runRunner(
                ["-m", Self.bundle(name), "-p", prompt, "-n", "40", "--json"] + arguments)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try outcome.json["text"]?.string == item["text"]?.string, "\(arguments)")
            let tokens = try outcome.json["tokens"]?.array?.map(\.integer)
            #expect(tokens == item["tokens"]?.array?.map(\.integer), "\(arguments)")
        }
    }

    private static func bundle(_ name: String) -> String { folder + "/" + name + ".taper" }
    private static func golden(_ name: String) throws -> JSONValue {
        let path = folder + "/" + name + ".json"
        return try JSONValue.parse(try Files.read(path, limit: 1 << 20), place: path)
    }
}
