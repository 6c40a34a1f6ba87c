import Foundation
import Storage
import Testing

/// A directory that goes away with its owner.
final class ScratchDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "checkpoint-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
    @discardableResult
    func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }
    @discardableResult
    func write(_ json: JSONValue, to name: String) throws -> String { try write(json.bytes(), to: name) }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}

/// Expects an error of this kind whose single line names all the fragments.
func expectFailure(
    _ code: TaperError.Code, _ fragments: [String] = [], _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
    do {
        try body()
        Issue.record("no error was thrown: \(comment?.rawValue ?? "")", sourceLocation: sourceLocation)
    } catch let error as TaperError {
        #expect(error.code == code, "\(comment?.rawValue ?? ""): \(error.message)", sourceLocation: sourceLocation)
        for fragment in fragments {
            #expect(error.message.contains(fragment), comment, sourceLocation: sourceLocation)
        }
        #expect(!error.message.contains("\n") && !error.message.contains("\u{1b}"), sourceLocation: sourceLocation)
        #expect(error.message.utf8.count < 2000, sourceLocation: sourceLocation)
    } catch {
        Issue.record("another error: \(error)", sourceLocation: sourceLocation)
    }
}

/// The text of a file kept beside the tests.
func fixture(_ name: String) throws -> JSONValue {
    let path = #filePath.replacingOccurrences(of: "Support/ScratchDirectory.swift", with: "Fixtures/" + name)
    return try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))), place: name)
}
