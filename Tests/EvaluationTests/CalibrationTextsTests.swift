import Evaluation
import Foundation
import Storage
import Testing

@Suite struct CalibrationTextsTests {
    private func source(_ text: String, _ name: String = "a.txt") throws -> SourceText {
        let folder = NSTemporaryDirectory() + "taper-texts-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try AtomicFile.write(Array(text.utf8), to: folder + "/" + name, replacing: false)
        return try SourceText(path: folder + "/" + name)
    }

    private func words(_ range: Range<Int>) -> String {
        range.map { "item \($0 * 31) of \($0)" }.joined(separator: "\n")
    }

    @Test func sameTextAndPartsAreToldApartFromOthers() throws {
        let calibration = CalibrationSource(use: "calibration", text: try source(words(0..<1000)))
        let texts = CalibrationTexts([calibration])
        let same = texts.warnings(evaluating: try source(words(0..<1000), "b.txt"))
        #expect(same.count == 1 && same[0].hasPrefix("b.txt is the text"))
        let part = texts.warnings(evaluating: try source(words(900..<1300), "c.txt"))
        #expect(part.count == 1 && part[0].contains("% of c.txt occurs") && part[0].contains("calibration (a.txt)"))
        #expect(texts.warnings(evaluating: try source(words(2000..<3000))) == [])
        #expect(CalibrationTexts().warnings(evaluating: try source(words(0..<10))) == [])
    }

    /// The same passages in JSON Lines and in plain text.
    @Test func fileFormatsDoNotHideAnOverlap() throws {
        let lines = (0..<40).map { index -> String in
            let text = words(index * 20..<index * 20 + 20)
            return JSONValue.object([
                .init(
                    "messages", .array([.object([.init("role", .string("user")), .init("content", .string(text))])])),
                .init("reference", .string("yes \(index)")),
            ]).text()
        }
        let task = try source(lines.joined(separator: "\r\n"), "t.jsonl")
        #expect(task.text.contains("item 0 of 0\nitem 31 of 1") && !task.text.contains("{"))
        let texts = CalibrationTexts([CalibrationSource(use: "task t", text: task)])
        #expect(texts.warnings(evaluating: try source(words(100..<200))).count == 1)
    }

    @Test func jsonComesBackAndBrokenJSONIsRefused() throws {
        let one = CalibrationSource(use: "calibration", text: try source(words(0..<50)))
        #expect(try CalibrationSource(json: one.json, place: "x") == one)
        guard case .object(let members) = one.json else { return }
        for (key, value) in [
            ("use", JSONValue.string("")), ("name", .null), ("bytes", .integer(-1)), ("checksum", .string("xyz")),
            ("limit", .integer(5)), ("passages", .array([.string("02"), .string("01")])), ("passages", .null),
        ] {
            let broken = JSONValue.object(members.map { $0.key == key ? .init(key, value) : $0 })
            #expect(throws: TaperError(.badData, "")) { try CalibrationSource(json: broken, place: "x") }
        }
    }

    @Test func aTaskCalibratedAgainForgetsItsEarlierData() throws {
        var texts = CalibrationTexts([CalibrationSource(use: "task a", text: try source("one", "1.txt"))])
        texts.add(CalibrationSource(use: "task b", text: try source("two", "2.txt")))
        texts.add(CalibrationSource(use: "task a", text: try source("three", "3.txt")))
        #expect(texts.sources.map(\.name) == ["2.txt", "3.txt"])
    }

    @Test func linesWithoutTextAreNamed() throws {
        do {
            _ = try source("{\"text\": \"a\"}\n\n{\"label\": 3}", "x.jsonl")
            Issue.record("accepted")
        } catch let error as TaperError {
            #expect(error.code == .badData && error.message.contains("x.jsonl:3"))
        }
        #expect(throws: TaperError(.badData, "")) { try source("{\"text\": \"a\"", "x.jsonl") }
        // Plain text is not parsed.
        #expect(try source("{\"text\": \"a\"}").text == "{\"text\": \"a\"}")
    }
}
