import Checkpoint
import Foundation
import Storage
import Testing

/// The small checkpoints of `Tests/Oracles`, as they are or with another config.
enum FamilyFiles {
    static func oracle(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path + "/Oracles/" + name
    }

    @discardableResult
    static func open(_ folder: String, _ change: (inout [String: JSONValue]) -> Void) throws -> Checkpoint {
        let json = try JSONValue.parse(try Files.read(folder + "/config.json", limit: 1 << 20), place: "config.json")
        var values = Dictionary(
            (json.members ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        change(&values)
        let directory = try ScratchDirectory()
        try directory.write(.object(values.map { .init($0.key, $0.value) }), to: "config.json")
        try directory.write(try Files.read(folder + "/model.safetensors", limit: 1 << 24), to: "model.safetensors")
        return try Checkpoint.open(directory.path)
    }
}
