import Foundation
import Storage
import Testing

import Server

/// `taper serve` as a process.
@Suite struct ServeProgramTests {
    /// Starts the program and waits until it listens.
    private static func start(_ arguments: [String]) async throws -> (Process, TestServer) {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("taper")
        try #require(FileManager.default.isExecutableFile(atPath: program.path), "taper is not built: swift build")
        let process = Process()
        process.executableURL = program
        process.arguments = ["serve", TestServer.bundle, "--port", "0", "-t", "1"] + arguments
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let port: Int? = await withCheckedContinuation { continuation in
            Thread {
                var text = ""
                while true {
                    let data = errors.fileHandleForReading.availableData
                    text += String(decoding: data, as: UTF8.self)
                    if data.isEmpty || text.contains("\n") { break }
                }
                continuation.resume(
                    returning: text.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) })
            }.start()
        }
        return (process, TestServer(port: try #require(port, "the program does not say where it listens")))
    }

    private static func exitStatus(of process: Process) async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread {
                process.waitUntilExit()
                continuation.resume(returning: process.terminationStatus)
            }.start()
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalEndsStreamsProperly(signal: Int32) async throws {
        let (process, server) = try await Self.start([])
        let stream = try await server.connect()
        try await stream.send(server.request("POST", "/v1/chat/completions", longChat(#","stream":true"#)))
        var text = try await stream.receive(until: "token")
        let idle = try await server.connect()
        let start = ContinuousClock.now
        kill(process.processIdentifier, signal)
        text += try await stream.receive(until: "[DONE]")
        // Unless the answer came to its own end before the signal arrived.
        #expect(text.contains("shutting_down") || text.contains("\"finish_reason\":\"length\""), "\(text.suffix(500))")
        #expect(text.contains("data: [DONE]"))
        #expect(await Self.exitStatus(of: process) == 0)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(try await idle.receive().isEmpty)
    }

    @Test func keysComeFromAFile() async throws {
        let path = NSTemporaryDirectory() + "taper-keys-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("first\n\nsecond\n".utf8).write(to: URL(fileURLWithPath: path))
        let (process, server) = try await Self.start(["--api-key-file", path, "--bits", "3"])
        #expect(try await server.get("/v1/models").status == 401)
        let headers = ["Authorization": "Bearer second"]
        let answer = try await server.post("/v1/chat/completions", chat("Hi", #","max_tokens":4"#), headers)
        #expect(try answer.json["usage"]?["taper"]?["average_bits"]?.double == 3)
        process.terminate()
        #expect(await Self.exitStatus(of: process) == 0)
    }

    /// The other tests of this suite run confined, too; here the kernel says so.
    @Test func theServerGivesUpWhatItNeedsNoMore() async throws {
        var counts: [Int] = []
        for arguments in [[], ["--no-sandbox"]] {
            let (process, server) = try await Self.start(arguments)
            let answer = try await server.post("/v1/chat/completions", chat("Hi", #","max_tokens":4"#))
            #expect(answer.status == 200)
            let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("Seccomp_filters:") }
            counts.append(try #require(line.flatMap { Int($0.filter(\.isNumber)) }))
            process.terminate()
            #expect(await Self.exitStatus(of: process) == 0)
        }
        #expect(counts[0] == counts[1] + 1)
    }
}
