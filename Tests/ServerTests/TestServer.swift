import Foundation
import Storage
import Testing

import Server

/// A server on a port of its own for one test, with the bundle of the sample checkpoint that stands among the golden files.
struct TestServer {
    let port: Int

    static let bundle = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("formats/golden/written/0.1.0-tiny.taper").path
    static let model = "0.1.0-tiny"

    static func with(
        _ set: (inout ServerOptions) -> Void = { _ in }, bundle: String = TestServer.bundle,
        limits: ConnectionLimits = ConnectionLimits(),
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var options = ServerOptions()
        options.port = 0
        options.threads = 1
        set(&options)
        var server = try APIServer(bundles: [bundle], options: options)
        server.limits = limits
        let (ports, found) = AsyncStream<Int>.makeStream()
        let running = Task { [server] in
            defer { found.finish() }
            try await server.run(handlesSignals: false) { found.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next(), "the server did not start")
        do { try await body(TestServer(port: port)) } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
        running.cancel()
        _ = await running.result
    }

    func connect(receivesFew: Bool = false) async throws -> RawConnection {
        try await RawConnection(port: port, receivesFew: receivesFew)
    }

    /// One request on a connection of its own.
    func send(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String: String] = [:]
    ) async throws -> RawResponse {
        let connection = try await connect()
        defer { connection.close() }
        try await connection.send(request(method, path, body, headers))
        return try await connection.response(to: method)
    }

    func get(_ path: String, _ headers: [String: String] = [:]) async throws -> RawResponse {
        try await send("GET", path, nil, headers)
    }

    func post(_ path: String, _ body: String, _ headers: [String: String] = [:]) async throws -> RawResponse {
        try await send("POST", path, body, headers)
    }

    func request(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String: String] = [:]
    ) -> String {
        var fields = ["Host": "localhost:\(port)"]
        if let body {
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = String(body.utf8.count)
        }
        fields.merge(headers) { $1 }
        let lines = fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined()
        return "\(method) \(path) HTTP/1.1\r\n\(lines)\r\n\(body ?? "")"
    }

    /// A counter or gauge of `/metrics`.
    func metric(_ name: String) async throws -> Double? {
        let line = try await get("/metrics").text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }

    /// Waits until a counter or gauge has a value; a server that never gets there fails the test.
    func wait(for name: String, _ condition: (Double) -> Bool) async throws {
        for _ in 0..<1000 {
            if let value = try await metric(name), condition(value) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("\(name) does not change")
    }
}

/// A request that goes on for hundreds of tokens: the token that ends answers is out of reach.
func longChat(_ more: String = "") -> String {
    #"{"messages":[{"role":"user","content":"Who was Noah?"}],"temperature":0,"logit_bias":{"2":-100},"max_tokens":450"#
        + more + "}"
}

func chat(_ text: String, _ more: String = "") -> String {
    #"{"messages":[{"role":"user","content":""# + text + #""}]"# + more + "}"
}
