import Foundation
import Storage
import Testing

/// Small bundles of every family, whose logits the reader in `formats/reader` computes too: `formats/golden/families`.
@Suite struct FamilyBundleTests {
    static let folder = TaperProgram.root + "/formats/golden/families"
    static let names = [
        "llama-linear", "llama-llama3", "mistral", "phi", "phi-tied", "qwen2-rung", "stablelm", "stablelm-parallel",
    ]

    @Test func everyBundleIsRead() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".taper") }
        #expect(Set(files) == Set(Self.names.map { $0 + ".taper" }))
    }

    /// The files hold five decimals.
    @Test(arguments: names) func logitsAreAsWritten(name: String) throws {
        let path = Self.folder + "/" + name
        let golden = try JSONValue.parse(try Files.read(path + ".json", limit: 1 << 20), place: name)
        let tokens = try #require(golden["tokens"]?.array).compactMap(\.integer)
        let cases = try #require(golden["logits"]?.array)
        #expect(!cases.isEmpty && tokens.count > 8)
        for item in cases {
            let bits = try #require(item["bits"]?.string)
            let outcome = try TaperProgram.run([
                "logits", path + ".taper", "--tokens", tokens.map(String.init).joined(separator: ","), "--bits", bits,
                "--json",
            ])
            try #require(outcome.status == 0, "\(outcome.errors)")
            let rows = try #require(try outcome.json["logits"]?.array).map { ($0.array ?? []).compactMap(\.double) }
            let expected = try #require(item["last"]?.array).compactMap(\.double)
            let last = try #require(rows.last)
            #expect(rows.count == tokens.count && !expected.isEmpty && last.count >= expected.count)
            let apart = zip(last, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(apart < 6e-6, "\(name), \(bits) bits: \(apart)")
        }
    }
}
