import Foundation
import Testing

/// What a confined process cannot do is tried by `Tests/CrossTests/Confined`; here is whether the runner is one, and no worse for it.
@Suite struct ConfinementTests {
    @Test func theTextIsTheSameConfinedOrNot() throws {
        let tiny = try TalkingBundle.make()
        let prompt = NSTemporaryDirectory() + "taper-prompt-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: prompt) }
        try Data("Once upon a time".utf8).write(to: URL(fileURLWithPath: prompt))
        let sets: [[String]] = [
            ["-f", prompt, "-t", "3"], ["-p", "abc", "--switch", "6@0,3@5", "--trim"], ["-p", "abc", "--verify=full"],
            ["-p", "abc", "--no-mmap", "--mlock", "--verbose"], ["-f", "-", "--temp", "0.9", "--seed", "3"],
            ["-p", "abc", "--memory-limit", "auto", "--verbose"],
        ]
        for arguments in sets {
            let all = ["-m", tiny.path, "-n", "12", "--ignore-eos"] + arguments
            let confined = try RunnerProgram.run(all, input: "some text")
            let free = try RunnerProgram.run(all + ["--no-sandbox"], input: "some text")
            #expect(confined.status == 0 && free.status == 0, "\(arguments): \(confined.errors)")
            #expect(confined.output == free.output && !free.output.isEmpty, "\(arguments)")
            #expect(!confined.errors.contains("cannot confine"), "\(confined.errors)")
        }
    }

    /// The kernel counts filters, so this holds where the tests themselves run under one.
    @Test(.timeLimit(.minutes(1))) func theRunnerHasAFilterOfSystemCallsUnlessToldOtherwise() throws {
        let (confined, free) = (try filters([]), try filters(["--no-sandbox"]))
        #expect(confined.count == free.count + 1)
        #expect(confined.hasNoNewPrivileges)
    }

    /// What the system says of a runner that has answered once and waits for the next message.
    private func filters(_ arguments: [String]) throws -> (count: Int, hasNoNewPrivileges: Bool) {
        let tiny = try TalkingBundle.make()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(RunnerProgram.path))
        process.arguments = ["-m", tiny.path, "-cnv", "-q", "-n", "2"] + arguments
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        defer { process.waitUntilExit() }
        try input.fileHandleForWriting.write(contentsOf: Data("hi\n".utf8))
        _ = try output.fileHandleForReading.read(upToCount: 1)
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        process.terminate()
        func value(_ key: String) -> Int? {
            status.split(separator: "\n").first { $0.hasPrefix(key + ":") }?
                .split(separator: ":").last.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        }
        return (try #require(value("Seccomp_filters")), value("NoNewPrivs") == 1)
    }
}
