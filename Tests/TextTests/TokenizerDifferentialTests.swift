import Foundation
import Storage
import Testing
import Text

/// Ids and text as the `tokenizers` library computes them, for every kind of Scripts/compare-tokenizers.py on random and natural
/// text. TAPER_TOKENIZER_CASES names a folder with more cases that the script wrote.
@Suite struct TokenizerDifferentialTests {
    static let folder =
        ProcessInfo.processInfo.environment["TAPER_TOKENIZER_CASES"] ?? Fixtures.folder + "/differential"

    static let names: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".json") }.sorted()
    }()

    private func document(_ name: String) throws -> JSONValue {
        try JSONValue.parse(try Files.read(Self.folder + "/" + name, limit: 1 << 30), place: name)
    }

    /// The tokenizer of a kind: a fixture with members replaced and added tokens more.
    private func tokenizer(_ document: JSONValue) throws -> Tokenizer {
        let base = try #require(document["base"]?.string)
        var members = try #require(try Fixtures.json(base + "/tokenizer.json").members)
        for change in document["members"]?.members ?? [] {
            let index = try #require(members.firstIndex { $0.key == change.key })
            members[index] = change
        }
        let index = try #require(members.firstIndex { $0.key == "added_tokens" })
        members[index].value = .array((members[index].value.array ?? []) + (document["added"]?.array ?? []))
        return try Tokenizer(tokenizerJSON: .object(members), place: base)
    }

    @Test func everyKindHasCases() { #expect(Self.names.count >= 30) }

    /// The same after a way through the bundle's section.
    @Test(arguments: names)
    func idsAndTextEqualTheLibrarys(name: String) throws {
        let document = try document(name)
        let original = try tokenizer(document)
        let copy = try Tokenizer(compact: original.compact(), place: name)
        #expect(copy.compact() == original.compact())
        let cases = try #require(document["cases"]?.array)
        #expect(cases.count > 5)
        var wrong = 0
        for item in cases {
            let ids = try #require(item["ids"]?.array).compactMap(\.integer)
            var isRight = true
            if let text = item["text"]?.string {
                let plain = item["plain"]?.array?.compactMap(\.integer) ?? ids
                isRight = try copy.encode(text) == ids && copy.encode(text, parseSpecial: false) == plain
            }
            if let decoded = item["decoded"]?.string {
                isRight = isRight && copy.decode(ids).utf8.elementsEqual(decoded.utf8)
                isRight = isRight && streamed(ids, copy).utf8.elementsEqual(copy.decode(ids, skipSpecial: true).utf8)
            }
            if !isRight {
                wrong += 1
                if wrong < 4 {
                    Issue.record(
                        "\(name): \(item.text().prefix(3000)) gives \(printable(copy.decode(ids), limit: 400))")
                }
            }
        }
        #expect(wrong == 0)
    }

    /// Token by token, without special ones.
    private func streamed(_ ids: [Int], _ tokenizer: Tokenizer) -> String {
        var decoder = StreamDecoder(tokenizer, atStart: true, isExact: true)
        return ids.map { decoder.append($0) }.joined() + decoder.finish()
    }
}
