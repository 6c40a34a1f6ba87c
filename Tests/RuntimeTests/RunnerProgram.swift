import Foundation
import Testing

/// Runs the built taper-run and collects what it says.
enum RunnerProgram {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// `TAPER_RUNNER`, such as the static program, or the one beside the test program; nil, which fails the tests, when it was not built.
    static let path: String? = {
        if let named = ProcessInfo.processInfo.environment["TAPER_RUNNER"] { return named }
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let path = folder.appendingPathComponent("taper-run").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path, "taper-run is not built: swift build"))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Input comes from a file: a pipe's writing end could leak into a program that another test starts meanwhile,
        // and then this one would never see the end of its input.
        let inputPath = NSTemporaryDirectory() + "taper-input-\(UUID().uuidString)"
        try Data(input.utf8).write(to: URL(fileURLWithPath: inputPath))
        defer { try? FileManager.default.removeItem(atPath: inputPath) }
        process.standardInput = FileHandle(forReadingAtPath: inputPath)
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self))
    }
}
