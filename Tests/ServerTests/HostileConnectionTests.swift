import Foundation
import NIOCore
import Storage
import Testing

import Server

/// Cases 130 to 139 and 149 of the list of hostile inputs: heads, framing, pace and number of connections. Those of `LimitTests`,
/// `ProtocolTests` and `CancellationTests` are not repeated.
@Suite struct HostileConnectionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let number: Int
        let what: String
        /// What is sent, after "\r\n" has taken the place of every line feed.
        let text: String
        let status: Int
        var testDescription: String { "\(number) \(what)" }

        init(_ number: Int, _ what: String, _ status: Int, _ text: String) {
            (self.number, self.what, self.status) = (number, what, status)
            self.text = text.replacing("\n", with: "\r\n")
        }
    }

    private static let get = "GET /health HTTP/1.1\nHost: localhost\n"
    private static let post = "POST /tokenize HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
    private static let chunked = post + "Transfer-Encoding: chunked\n\n"
    private static func long(_ count: Int) -> String { String(repeating: "a", count: count) }

    static let cases: [Case] = [
        Case(130, "a field of 1 MB", 431, get + "X: \(long(1_000_000))\n\n"),
        Case(130, "a name of 1 MB", 431, get + "\(long(1_000_000)): 1\n\n"),
        Case(130, "10,000 fields", 431, get + (0..<10_000).map { "X-\($0): 1\n" }.joined() + "\n"),
        Case(130, "no line feeds", 400, "GET /health HTTP/1.1\rHost: localhost\r\r\n\n"),
        Case(130, "a field without a colon", 400, get + "X\n\n"),
        Case(130, "white space before a colon", 400, get + "X : 1\n\n"),
        Case(130, "a folded Host", 400, "GET /health HTTP/1.1\nHost: localhost\n evil\n\n"),
        Case(130, "a NUL in a value", 400, get + "X: a\u{0}b\n\n"),
        Case(130, "a length twice, the same", 400, post + "Content-Length: 2\nContent-Length: 2\n\n{}"),
        Case(130, "a list of lengths", 400, post + "Content-Length: 2, 2\n\n{}"),
        Case(130, "chunked is not the last coding", 400, post + "Transfer-Encoding: chunked, identity\n\n0\n\n"),
        Case(130, "an unknown coding", 400, post + "Transfer-Encoding: gzip\n\n0\n\n"),
        Case(130, "another version", 400, "GET /health HTTP/3.7\nHost: localhost\n\n"),
        Case(130, "the beginning of HTTP/2", 400, "PRI * HTTP/2.0\n\nSM\n\n"),
        Case(131, "a size with a sign", 400, chunked + "+2\n{}\n0\n\n"),
        Case(131, "a size of 68 bits", 400, chunked + "FFFFFFFFFFFFFFFFF\n{}\n0\n\n"),
        Case(131, "no size", 400, chunked + "\n{}\n0\n\n"),
        Case(131, "more in a chunk than its size", 400, chunked + "1\n{}}\n0\n\n"),
        Case(131, "trailers of 1 MB", 431, chunked + "2\n{}\n0\nX: \(long(1_000_000))\n\n"),
        Case(132, "a length of 2^64", 400, post + "Content-Length: 18446744073709551616\n\n{}"),
        Case(132, "a length of 2^63", 413, post + "Content-Length: 9223372036854775807\n\n{}"),
        Case(132, "a negative length", 400, post + "Content-Length: -2\n\n{}"),
        Case(132, "a length with a plus", 400, post + "Content-Length: +2\n\n{}"),
        Case(132, "a hexadecimal length", 400, post + "Content-Length: 0x2\n\n{}"),
        Case(136, "no Host", 421, "GET /health HTTP/1.1\n\n"),
        Case(136, "two Hosts", 400, get + "Host: evil.example\n\n"),
        Case(136, "a Host beside a domain's end", 421, "GET /health HTTP/1.1\nHost: localhost.\n\n"),
        Case(136, "127.0.0.1 as a number", 421, "GET /health HTTP/1.1\nHost: 2130706433\n\n"),
        Case(136, "an address with a zone", 421, "GET /health HTTP/1.1\nHost: [::1%25lo]\n\n"),
        Case(136, "a bracket that does not close", 421, "GET /health HTTP/1.1\nHost: [::1\n\n"),
        Case(137, "a preflight", 403, get.replacing("GET", with: "OPTIONS") + "Origin: https://evil.example\n\n"),
        Case(138, "a form", 415, post.replacing("application/json", with: "multipart/form-data") + "\n"),
        Case(139, "a path that goes up", 404, "GET /page/../../etc/passwd HTTP/1.1\nHost: localhost\n\n"),
        Case(
            139, "a path that goes up in escapes", 404, "GET /page/..%2f..%2fetc%2fpasswd HTTP/1.1\nHost: localhost\n\n"
        ),
        Case(139, "a path with half an escape", 404, "GET /v1/models/%f HTTP/1.1\nHost: localhost\n\n"),
        Case(139, "bytes that are no UTF-8 in a path", 404, "GET /v1/models/%ff%fe HTTP/1.1\nHost: localhost\n\n"),
        Case(139, "a target with another's host", 400, "GET http://evil.example/health HTTP/1.1\nHost: localhost\n\n"),
        Case(139, "a target with this host", 400, "GET http://localhost/health HTTP/1.1\nHost: localhost\n\n"),
        Case(139, "a tunnel", 400, "CONNECT evil.example:443 HTTP/1.1\nHost: localhost\n\n"),
        Case(139, "a target of 1 MB", 431, "GET /\(long(1_000_000)) HTTP/1.1\nHost: localhost\n\n"),
    ]

    @Test func whatIsNoUsableRequestHasAStatus() async throws {
        try await TestServer.with { server in
            for item in Self.cases {
                let connection = try await server.connect()
                try await connection.send(item.text)
                let response = try await connection.response()
                #expect(response.status == item.status, "\(item.number) \(item.what): \(response.text)")
                #expect(response.error?["message"]?.string?.isEmpty == false, "\(item.number) \(item.what)")
                #expect(response.headers["access-control-allow-origin"] == nil)
            }
            #expect(try await server.get("/health").status == 200)
        }
    }

    /// 130 and 135: what two readers could take for two requests is one, or none.
    @Test func aBodyIsNeverARequest() async throws {
        try await TestServer.with { server in
            let inner = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for head in ["Content-Length: \(inner.utf8.count)", "Transfer-Encoding: chunked"] {
                let connection = try await server.connect()
                let chunk = String(inner.utf8.count, radix: 16) + "\r\n\(inner)\r\n0\r\n\r\n"
                let first = "GET /health HTTP/1.1\r\nHost: localhost\r\n\(head)\r\n\r\n"
                try await connection.send(
                    first + (head.hasPrefix("T") ? chunk : inner)
                        + server.request("GET", "/v1/models", nil, ["Connection": "close"]))
                let text = try await connection.receive(until: "never")
                #expect(text.components(separatedBy: "HTTP/1.1 200").count == 3, "\(text)")
                #expect(text.contains("\"object\":\"list\"") && !text.contains("nothing at this path"))
            }
        }
    }

    /// 131 and 133: bytes that drip do not buy time.
    @Test(arguments: [
        "GET /health HTTP/1.1\nX: ", post + "Content-Length: 900\n\n", chunked + "900\n", chunked + "2\n{}\n0\nX: ",
    ])
    func drippingClientsAreCutOff(start: String) async throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(300)
        limits.body = .milliseconds(300)
        try await TestServer.with(limits: limits) { server in
            let connection = try await server.connect()
            try await connection.send(start.replacing("\n", with: "\r\n"))
            let dripping = Task {
                while !Task.isCancelled {
                    try await connection.send("a")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            defer { dripping.cancel() }
            #expect(try await connection.response().status == 408)
        }
    }

    /// 133: a stream that nobody reads stops its answers, and the connection with them.
    @Test func aStreamThatNobodyReadsIsCutOff() async throws {
        var limits = ConnectionLimits()
        limits.write = .milliseconds(300)
        try await TestServer.with(limits: limits) { server in
            let connection = try await server.connect(receivesFew: true)
            let prompts = JSONValue.array((0..<16).map { .string("In the beginning \($0)") }).text()
            let body =
                #"{"prompt":\#(prompts),"n":4,"stream":true,"logprobs":5,"max_tokens":400,"temperature":1,"seed":1,"#
                + #""logit_bias":{"2":-100}}"#
            try await connection.send(server.request("POST", "/v1/completions", body))
            try await server.wait(for: "taper_answers_open") { $0 > 0 }
            try await server.wait(for: "taper_answers_open") { $0 == 0 }
            var last: [UInt8] = []
            while case let more = try await connection.receive(), !more.isEmpty { last = (last + more).suffix(100) }
            #expect(!String(decoding: last, as: UTF8.self).contains("[DONE]"))
            let cut = try await server.metric(#"taper_answers_total{model="0.1.0-tiny",end="cancelled"}"#)
            #expect(try #require(cut) > 0)
        }
    }

    /// 134: whoever connects and says nothing gives the place back when his time is over.
    @Test func connectionsThatSayNothingKeepNobodyOutForLong() async throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(300)
        try await TestServer.with({ $0.connectionCount = 8 }, limits: limits) { server in
            var silent: [RawConnection] = []
            for _ in 0..<12 { silent.append(try await server.connect()) }
            #expect(try await server.get("/health").status == 200)
            for connection in silent { connection.close() }
        }
    }

    /// 149: clients that break off wherever they are leave nothing behind.
    @Test func resetsLeaveNothingBehind() async throws {
        try await TestServer.with { server in
            let ask = server.request("POST", "/v1/chat/completions", longChat(#","stream":true"#))
            for index in 0..<35 {
                let connection = try await server.connect()
                switch index % 7 {
                case 0: break
                case 1: try await connection.send(String(ask.prefix(20)))
                case 2: try await connection.send(String(ask.prefix(ask.count - 9)))
                case 3: try await connection.send(ask)
                case 4, 5:
                    try await connection.send(index % 7 == 4 ? ask : ask + ask)
                    _ = try await connection.receive(until: "token")
                default:
                    try await connection.send(server.request("POST", "/v1/chat/completions", longChat()))
                }
                connection.reset()
            }
            for name in ["taper_answers_open", "taper_answers_waiting"] {
                try await server.wait(for: name) { $0 == 0 }
            }
            #expect(try await server.post("/v1/chat/completions", chat("Hi", #","max_tokens":1"#)).status == 200)
        }
    }
}
