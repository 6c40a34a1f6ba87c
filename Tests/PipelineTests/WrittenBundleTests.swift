import Foundation
import Bundle
import Storage
import Testing

/// Bundles that earlier versions wrote say today what they said then, to the last bit: `formats/golden/written`.
@Suite struct WrittenBundleTests {
    static let folder = TaperProgram.root + "/formats/golden/written"
    /// Those after a version hold what was added to the format since.
    static let versions = [
        "0.1.0-tiny", "after-0.1.0-adaptive", "after-0.1.0-half", "after-0.1.0-layers", "after-0.1.0-powers",
    ]

    @Test func everyBundleIsRead() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".taper") }
        #expect(names.sorted() == Self.versions.map { $0 + ".taper" }.sorted())
    }

    /// What the format has, some bundle here has: an addition is frozen here before somebody relies on it.
    @Test func everySectionAndSchemaIsInOneOfThem() throws {
        var (sections, schemas): (Set<String>, Set<String>) = ([], [])
        for name in Self.versions {
            let path = Self.bundle(name)
            for section in try Bundle(path: path).sections {
                // Sections of planes, tables and screens differ by their precision alone.
                sections.insert(String(section.name.reversed().drop { $0.isNumber }.reversed()))
                if let json = try? Bundle(path: path).json(section.name), let schema = json["schema"]?.string {
                    schemas.insert(schema)
                }
            }
        }
        #expect(
            sections == [
                "manifest", "tokenizer", "chat", "templates", "channels", "powers", "texts", "rungs", "schedules",
                "adaptive", "learned", "learned.weights", "quality", "vectors", "bytes", "linear.planes.",
                "linear.tables.", "linear.half",
                "fixed.planes.", "fixed.tables.", "head.screen.", "checksums",
            ])
        let manifests: Set<String> = [Manifest.schema, Manifest.secondSchema]
        #expect(schemas.isSuperset(of: manifests.union(["taper-chat-1", "taper-chat-2", "taper-templates-1"])))
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
        #expect(!cases.isEmpty)
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
        #expect(!cases.isEmpty)
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
