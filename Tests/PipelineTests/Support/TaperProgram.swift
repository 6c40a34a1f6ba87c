import Foundation
import Storage
import Testing

/// Runs the built programs and collects what they say.
enum TaperProgram {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        var json: JSONValue { get throws { try JSONValue.parse(Array(output.utf8), place: "standard output") } }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    /// Beside the test program; a test that needs one that is not built fails.
    static func path(_ name: String) throws -> URL {
        let url = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
            name)
        try #require(FileManager.default.isExecutableFile(atPath: url.path), "\(name) is not built: swift build")
        return url
    }

    static func run(_ arguments: [String]) throws -> Outcome { try run("taper", arguments) }
    static func runRunner(_ arguments: [String]) throws -> Outcome { try run("taper-run", arguments) }

    private static func run(_ name: String, _ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = try path(name)
        process.arguments = arguments
        return try outcome(of: process)
    }

    /// Runs a process without input to its end and collects what it says.
    static func outcome(of process: Process) throws -> Outcome {
        process.standardInput = FileHandle.nullDevice
        // Files instead of pipes: a large report and many warnings cannot block one another.
        let base = NSTemporaryDirectory() + "taper-output-\(UUID().uuidString)"
        for name in [".out", ".err"] { _ = FileManager.default.createFile(atPath: base + name, contents: nil) }
        defer { for name in [".out", ".err"] { try? FileManager.default.removeItem(atPath: base + name) } }
        process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
        process.standardError = FileHandle(forWritingAtPath: base + ".err")
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: base + name)), as: UTF8.self)
        }
        return Outcome(status: process.terminationStatus, output: try text(".out"), errors: try text(".err"))
    }
}

/// The sample checkpoint converted once for all tests that evaluate it, with everything it was made with.
final class EvaluatedSample: Sendable {
    let folder: String
    let checkpoint = TaperProgram.root + "/samples/tiny"
    var bundle: String { folder + "/tiny.taper" }
    var gguf: String { folder + "/tiny.Q8_0.gguf" }

    static let shared = Result { try EvaluatedSample() }

    private init() throws {
        folder = NSTemporaryDirectory() + "taper-evaluated-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        let samples = TaperProgram.root + "/samples/"
        let recipe = """
            {"schema": "taper-recipe-1", "precisions": [2, 4], "seed_bits": 2,
             "calibration": {"text": "\(samples)tiny/calibration.txt", "sequences": 4, "length": 256},
             "quality": {"text": "\(samples)tiny/heldout.txt", "window": 128, "windows": 2},
             "tasks": [{"name": "answer", "data": "\(samples)tasks/tiny.val.jsonl", "max_new_tokens": 12, "examples": 3,
                        "tolerance": 0.2}]}
            """
        try AtomicFile.write(Array(recipe.utf8), to: folder + "/recipe.json", replacing: false)
        let outcome = try TaperProgram.run([
            "convert", checkpoint, "-o", folder + "/tiny.taper", "--recipe", folder + "/recipe.json", "--work",
            folder + "/work", "-t", "2", "--quiet",
        ])
        guard outcome.status == 0 else { throw TaperError(.internalFault, outcome.errors) }
        try TinyGGUF.write(checkpoint, to: folder + "/tiny.Q8_0.gguf")
    }
}
