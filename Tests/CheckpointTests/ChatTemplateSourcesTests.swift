import Checkpoint
import Foundation
import Storage
import Testing

/// The bundle's section `templates`: golden documents, one per rule.
@Suite struct ChatTemplateSourcesTests {
    static let golden =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/formats/golden/chat"

    static func files(_ folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: golden + "/" + folder)) ?? []
        return names.filter { $0.hasPrefix("templates-") }.sorted()
    }

    @Test func goldenFoldersHoldFiles() {
        #expect(Self.files("valid").count >= 1 && Self.files("must-fail").count >= 6)
    }

    @Test(arguments: files("valid"))
    func validSectionsAreRead(name: String) throws {
        let json = try JSONValue.parse(try Files.read(Self.golden + "/valid/" + name, limit: 1 << 20), place: name)
        #expect(try ChatTemplateSources(json: json, place: name).json.text() == json.text())
    }

    @Test(arguments: files("must-fail"))
    func brokenSectionsAreRefused(name: String) throws {
        let json = try JSONValue.parse(try Files.read(Self.golden + "/must-fail/" + name, limit: 1 << 20), place: name)
        let failure = #expect(throws: TaperError.self) { try ChatTemplateSources(json: json, place: name) }
        #expect(failure?.code == (name == "templates-schema.json" ? .unsupported : .badData))
    }

    @Test func tooManyTemplatesAreRefused() throws {
        func json(_ count: Int, _ byteCount: Int) -> JSONValue {
            .object([
                .init("schema", .string(ChatTemplateSources.schema)), .init("tokens", .object([])),
                .init(
                    "templates",
                    .array(
                        (0..<count).map {
                            .object([
                                .init("name", .string("t\($0)")),
                                .init("source", .string(String(repeating: "x", count: byteCount))),
                            ])
                        })),
            ])
        }
        #expect(throws: Never.self) { try ChatTemplateSources(json: json(16, 10), place: "t") }
        #expect(throws: TaperError(.badData, "")) { try ChatTemplateSources(json: json(17, 10), place: "t") }
        #expect(throws: Never.self) { try ChatTemplateSources(json: json(2, 1_000_000), place: "t") }
        #expect(throws: TaperError(.badData, "")) { try ChatTemplateSources(json: json(3, 700_000), place: "t") }
        #expect(throws: TaperError(.badData, "")) { try ChatTemplateSources(json: json(1, 1_000_001), place: "t") }
    }
}
