import Evaluation
import Foundation
import Storage
import Testing

@Suite struct SourceTextTests {
    private static let cases =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .path + "/Cases/bom-jsonl/"

    /// `cases/bom-jsonl`: Python's "utf-8-sig" reads the same from both files.
    @Test func aByteOrderMarkIsNoPartOfATextOrATask() throws {
        let plain = try SourceText(path: Self.cases + "plain.jsonl")
        #expect(try SourceText(path: Self.cases + "bom.jsonl").text == plain.text)
        #expect(!plain.text.isEmpty)
        let text = try SourceText(path: Self.cases + "bom.txt")
        #expect(text.bytes.starts(with: [0xef, 0xbb, 0xbf]))
        #expect(!text.text.unicodeScalars.contains("\u{feff}"))
        #expect(Array(text.text.utf8) == Array(text.bytes.dropFirst(3)))
        let lines = try Files.read(Self.cases + "task.jsonl", limit: 1 << 20).split(separator: 0x0a)
        #expect(try readTask(Self.cases + "task.jsonl").count == lines.count)
    }

    @Test func otherEncodingsAndMarksWithinAreNamed() throws {
        let path = NSTemporaryDirectory() + "taper-text-\(UUID().uuidString).jsonl"
        defer { Files.remove(path) }
        func message(_ bytes: [UInt8]) throws -> String {
            try AtomicFile.write(bytes, to: path, replacing: true)
            do throws(TaperError) {
                _ = try SourceText(path: path)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(try message([0xff, 0xfe, 0x7b, 0]).contains("byte order mark of UTF-16"))
        // Files with marks joined into one.
        let joined = Array("{\"text\":\"a\"}\n\u{feff}{\"text\":\"b\"}\n".utf8)
        #expect(try message(joined).contains(":2: the JSON text begins with a byte order mark"))
    }
}
