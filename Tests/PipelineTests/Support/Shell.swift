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
        return try TaperProgram.outcome(of: process)
    }
}
