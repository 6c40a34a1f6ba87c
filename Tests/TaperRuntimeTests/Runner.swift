import Foundation
import Testing

/// The program whose bytes the library's are compared with.
enum Runner {
    /// What `taper-run` with these flags says on standard output.
    static func output(_ arguments: [String], input: String = "") throws -> String {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("taper-run")
        try #require(
            FileManager.default.isExecutableFile(atPath: program.path), "taper-run is not built: swift build")
        let base = NSTemporaryDirectory() + "taper-library-\(UUID().uuidString)"
        defer { for end in [".in", ".out"] { try? FileManager.default.removeItem(atPath: base + end) } }
        try Data(input.utf8).write(to: URL(fileURLWithPath: base + ".in"))
        _ = FileManager.default.createFile(atPath: base + ".out", contents: nil)
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = FileHandle(forReadingAtPath: base + ".in")
        process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "taper-run \(arguments.joined(separator: " "))")
        return try String(contentsOfFile: base + ".out", encoding: .utf8)
    }

    struct Report: Decodable {
        let text: String
        let tokens: [Int]
        let bits: [Double]
        let schedule: String

        enum CodingKeys: String, CodingKey {
            case text, tokens, schedule
            case bits = "bits_per_step"
        }
    }

    /// What it says in JSON.
    static func report(_ arguments: [String]) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(try output(arguments + ["--json", "-q"]).utf8))
    }
}
