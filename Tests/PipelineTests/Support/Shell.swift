import Foundation
import Testing

/// Command lines that need a shell: redirections to full and closed descriptors, pipes, limits. `$TAPER` and `$RUNNER` are the
/// programs, `$1`, `$2` ... the arguments; a command that hangs ends with 124.
enum Shell {
    static func run(_ script: String, _ arguments: [String] = []) throws -> TaperProgram.Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["60", "/bin/bash", "-c", script, "bash"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging([
            "TAPER": try TaperProgram.path("taper").path, "RUNNER": try TaperProgram.path("taper-run").path,
        ]) { $1 }
        process.standardInput = FileHandle.nullDevice
        let base = NSTemporaryDirectory() + "taper-shell-\(UUID().uuidString)"
        for name in [".out", ".err"] { FileManager.default.createFile(atPath: base + name, contents: nil) }
        defer { for name in [".out", ".err"] { try? FileManager.default.removeItem(atPath: base + name) } }
        process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
        process.standardError = FileHandle(forWritingAtPath: base + ".err")
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: base + name)), as: UTF8.self)
        }
        return .init(status: process.terminationStatus, output: try text(".out"), errors: try text(".err"))
    }
}
