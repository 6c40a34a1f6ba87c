import Foundation
import Storage
import Testing

@Suite struct JSONTextTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    private func parse(_ text: String) throws(TaperError) -> JSONValue {
        try JSONValue.parse(Array(text.utf8), place: "t")
    }

    /// 1,500 texts with the strings that Python's json finds in them (`make_json_corpus.py`).
    @Test func stringsAreExactlyPythonsOrRefused() throws {
        func bytes(_ hex: Substring) -> [UInt8] {
            let digits = Array(hex.utf8)
            return stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
            }
        }
        func flat(_ value: JSONValue) -> [String] {
            func hex(_ text: String) -> String {
                text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
            if let text = value.string { return ["S" + hex(text)] }
            if let array = value.array { return array.flatMap(flat) }
            return (value.members ?? []).flatMap { ["K" + hex($0.key)] + flat($0.value) }
        }
        let corpus = try String(
            contentsOf: Self.folder.appendingPathComponent("Fixtures/json-strings.txt"), encoding: .utf8)
        var (accepted, refused) = (0, 0)
        for line in corpus.split(separator: "\n") {
            let parts = line.split(separator: " ")
            let text = bytes(parts[0])
            let value = Result { () throws(TaperError) in try JSONValue.parse(text, place: "t") }
            let shown = String(decoding: text, as: UTF8.self)
            if parts[1] == "-" {
                refused += 1
                #expect(throws: TaperError(.badData, ""), "\(shown)") { try value.get() }
            } else {
                accepted += 1
                #expect(try flat(value.get()).joined(separator: ",") == parts[1], "\(shown)")
            }
        }
        #expect(accepted > 800 && refused > 300)
    }

    @Test func pairsThatJsonCReplacesComeBackExactly() throws {
        #expect(
            try parse(#"["\ud837\udeaa", "x\ud83d\ude00y"]"#).array?.compactMap(\.string) == [
                "\u{1deaa}", "x\u{1f600}y",
            ])
    }

    @Test func halfAPairIsNamed() {
        #expect {
            try parse(#"{"a": "\ud800"}"#)
        } throws: { error in
            (error as? TaperError)?.message.contains("half of a surrogate pair") == true
                && (error as? TaperError)?.message.contains("byte 7") == true
        }
    }

    @Test func errorsBehindEscapedPairsNameTheByteInTheFile() {
        #expect {
            try parse(#"["\ud83d\ude00", tru]"#)
        } throws: { error in
            // The byte behind "tru".
            (error as? TaperError)?.message.contains("at byte 20") == true
        }
    }

    @Test func aByteOrderMarkIsNamed() {
        #expect {
            try parse("\u{feff}{}")
        } throws: { error in
            (error as? TaperError)?.message.contains("begins with a byte order mark") == true
        }
    }

    @Test(arguments: ["[],", "{},", "0,", "[0],", "{\"\":0},", "\"\","])
    func memoryIsBoundedBeforeParsing(unit: String) throws {
        // 4 MiB, as much as a section of a bundle may hold.
        let count = (1 << 22) / unit.utf8.count
        let text = "[" + String(repeating: unit, count: count) + "0]"
        #expect(throws: TaperError(.badData, "")) { try parse(text) }
        let fine = "[" + String(repeating: unit, count: 10_000) + "0]"
        #expect(try parse(fine).array?.count == 10_001)
    }
}
