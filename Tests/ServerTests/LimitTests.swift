import Foundation
import NIOCore
import Storage
import Testing

import Server

/// What a client may cost.
@Suite struct LimitTests {
    @Test func headsAreBounded() async throws {
        try await TestServer.with { server in
            let long = try await server.get("/health", ["X-Long": String(repeating: "a", count: 20000)])
            #expect(long.status == 431 && long.headers["connection"] == "close")
            let many = Dictionary(uniqueKeysWithValues: (0..<200).map { ("X-\($0)", "a") })
            #expect(try await server.get("/health", many).status == 431)
            let line = try await server.get("/health?" + String(repeating: "a", count: 100_000))
            #expect(line.status == 431)
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func bodiesAreBounded() async throws {
        try await TestServer.with {
            $0.bodyByteCount = 1000
        } _: { server in
            let body = #"{"content":""# + String(repeating: "a", count: 1000) + #""}"#
            let declared = try await server.post("/tokenize", body)
            #expect(declared.status == 413 && declared.headers["connection"] == "close")
            let connection = try await server.connect()
            try await connection.send(
                server.request("POST", "/tokenize", "", ["Content-Length": "", "Transfer-Encoding": "chunked"]))
            for _ in 0..<20 { try await connection.send("64\r\n" + String(repeating: " ", count: 100) + "\r\n") }
            #expect(try await connection.response().status == 413)
            #expect(try await server.post("/tokenize", #"{"content":"a"}"#).status == 200)
        }
    }

    @Test func whatIsNoRequestIsRefused() async throws {
        try await TestServer.with { server in
            for text in [
                "nonsense\r\n\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\nX\u{0}: 1\r\n\r\n",
                "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
            ] {
                let connection = try await server.connect()
                try await connection.send(text)
                #expect(try await connection.response().status == 400, "\(text)")
            }
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func brokenChunksEndTheConnection() async throws {
        try await TestServer.with { server in
            for size in ["-2", "FFFFFFFFFFFFFFFFF", "xyz"] {
                let connection = try await server.connect()
                try await connection.send(
                    server.request("POST", "/tokenize", "", ["Content-Length": "", "Transfer-Encoding": "chunked"])
                        + size + "\r\nabc\r\n")
                let text = try await connection.receive(until: "\r\n\r\n")
                #expect(text.hasPrefix("HTTP/1.1 400"), "\(size): \(text)")
            }
        }
    }

    @Test func slowClientsAreCutOff() async throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(200)
        limits.body = .milliseconds(200)
        try await TestServer.with(limits: limits) { server in
            let head = try await server.connect()
            try await head.send("GET /health HTTP/1.1\r\nHost:")
            #expect(try await head.response().status == 408)
            let body = try await server.connect()
            try await body.send(server.request("POST", "/tokenize", "{", ["Content-Length": "100"]))
            #expect(try await body.response().status == 408)
        }
    }

    @Test func idleConnectionsAreClosed() async throws {
        var limits = ConnectionLimits()
        // Longer than a busy machine takes from a connection to its request.
        limits.idle = .seconds(3)
        try await TestServer.with(limits: limits) { server in
            let connection = try await server.connect()
            try await connection.send(server.request("GET", "/health"))
            #expect(try await connection.response().status == 200)
            #expect(try await connection.receive().isEmpty)
        }
    }

    @Test func aClientThatDoesNotReadIsCutOff() async throws {
        var limits = ConnectionLimits()
        limits.write = .milliseconds(300)
        try await TestServer.with(limits: limits) { server in
            // Far more than the system keeps of what nobody reads.
            let size = try await server.get("/openapi.json").body.count
            let count = 100_000_000 / size
            let connection = try await server.connect()
            let request = server.request("GET", "/openapi.json")
            try await connection.send(String(repeating: request, count: count))
            try await Task.sleep(for: .seconds(1))
            var received = 0
            while case let bytes = try await connection.receive(), !bytes.isEmpty { received += bytes.count }
            #expect(received > size && received < count * size)
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func aFullQueueIsToldAtOnce() async throws {
        try await TestServer.with {
            $0.answersAtOnce = 1
            $0.queueLength = 0
        } _: { server in
            let first = try await server.connect()
            try await first.send(server.request("POST", "/v1/chat/completions", longChat(#","stream":true"#)))
            _ = try await first.receive(until: "token")
            let second = try await server.post("/v1/chat/completions", longChat())
            #expect(second.status == 503 && second.headers["retry-after"] == "1")
            #expect(second.error?["code"]?.string == "queue_full")
            first.close()
            try await server.wait(for: "taper_answers_open") { $0 == 0 }
            #expect(try await server.post("/v1/chat/completions", chat("Hi", #","max_tokens":1"#)).status == 200)
            #expect(try await server.metric("taper_refused_total") == 1)
        }
    }

    @Test func aRequestThatTakesTooLongEnds() async throws {
        try await TestServer.with {
            $0.requestSeconds = 0.05
        } _: { server in
            let whole = try await server.post("/v1/chat/completions", longChat())
            #expect(whole.status == 504 && whole.error?["code"]?.string == "timeout")
            let events = try await server.post("/v1/chat/completions", longChat(#","stream":true"#))
            if events.status == 200 {
                #expect(try events.events().last?["error"]?["code"]?.string == "timeout")
            } else {
                #expect(events.status == 504)
            }
        }
    }

    @Test func requestsOfOneConnectionAreAnsweredInOrder() async throws {
        try await TestServer.with { server in
            let connection = try await server.connect()
            let last = server.request("GET", "/nothing", nil, ["Connection": "close"])
            try await connection.send(server.request("GET", "/health") + server.request("GET", "/v1/models") + last)
            let text = try await connection.receive(until: "openapi.json lists")
            let places = ["\"status\":\"ok\"", "\"object\":\"list\"", "nothing at this path"].map {
                text.range(of: $0)?.lowerBound
            }
            #expect(!places.contains(nil) && places.compactMap { $0 } == places.compactMap { $0 }.sorted())
        }
    }
}
