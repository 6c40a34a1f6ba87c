import Foundation
import NIOCore
import Storage
import Testing

import Server

/// What is refused before a model hears of it.
@Suite struct ProtocolTests {
    @Test func othersNamesForThisMachineAreRefused() async throws {
        try await TestServer.with { server in
            for host in [
                "evil.example", "localhost.evil", "localhost@evil", "10.0.0.1", "[::2]", "localhost:99999", "",
            ] {
                let response = try await server.get("/health", ["Host": host])
                #expect(response.status == 421, "\(host)")
            }
            for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:80"] {
                #expect(try await server.get("/health", ["Host": host]).status == 200, "\(host)")
            }
            let twice = try await server.get("/health", ["X-A": "1\r\nHost: evil.example"])
            #expect(twice.status == 400 || twice.status == 421)
        }
    }

    @Test func otherSitesPagesAreRefused() async throws {
        try await TestServer.with { server in
            for origin in ["http://evil.example", "null", "http://localhost:1", "http://localhost:\(server.port).evil"]
            {
                let response = try await server.post("/v1/completions", "{}", ["Origin": origin])
                #expect(response.status == 403 && response.error?["code"]?.string == "origin_not_allowed")
                #expect(response.headers["access-control-allow-origin"] == nil)
            }
            let preflight = try await server.send(
                "OPTIONS", "/v1/completions", nil,
                ["Origin": "http://evil.example", "Access-Control-Request-Method": "POST"])
            #expect(preflight.status == 403 && preflight.headers["access-control-allow-origin"] == nil)
            #expect(try await server.get("/health", ["Origin": "http://localhost:\(server.port)"]).status == 200)
        }
    }

    @Test func onlyJSONIsRead() async throws {
        try await TestServer.with { server in
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", ""] {
                let response = try await server.post("/tokenize", #"{"content":"a"}"#, ["Content-Type": type])
                #expect(response.status == 415, "\(type)")
            }
            let named = try await server.post(
                "/tokenize", #"{"content":"a"}"#, ["Content-Type": "Application/JSON; charset=UTF-8"])
            #expect(named.status == 200)
            // Other spellings of a path get around nothing.
            for path in ["//tokenize", "/tokenize/", "/v1//completions"] {
                #expect(try await server.post(path, "{}", ["Content-Type": "text/plain"]).status == 404)
            }
        }
    }

    @Test func withAKeyNothingIsAnsweredWithoutIt() async throws {
        try await TestServer.with {
            $0.keys = ["first", "second-key"]
        } _: { server in
            for value in ["", "Bearer ", "Bearer firs", "Bearer firstt", "Basic first", "first", "Bearer second-kez"] {
                let response = try await server.get("/v1/models", ["Authorization": value])
                #expect(response.status == 401 && response.headers["www-authenticate"] == "Bearer", "\(value)")
                #expect(response.error?["code"]?.string == "invalid_api_key")
            }
            #expect(try await server.get("/v1/models", ["Authorization": "Bearer first"]).status == 200)
            #expect(try await server.get("/v1/models", ["Authorization": "bearer second-key"]).status == 200)
            #expect(try await server.get("/health").status == 200)
            #expect(try await server.get("/metrics").status == 401)
        }
    }

    @Test func keysAreComparedWhole() {
        func equal(_ a: String, _ b: String) -> Bool { RequestGuard.areEqual(Array(a.utf8), Array(b.utf8)) }
        #expect(equal("abc", "abc") && !equal("abd", "abc") && !equal("ab", "abc") && !equal("abcabc", "abc"))
        #expect(!equal("", "abc") && !equal("", "") && !equal("a", ""))
    }

    @Test func anOpenServerNeedsAKeyOrTheWordForIt() throws {
        var options = ServerOptions()
        options.host = "0.0.0.0"
        #expect(throws: (any Error).self) { try APIServer(bundles: [TestServer.bundle], options: options) }
        options.keys = [""]
        #expect(throws: (any Error).self) { try APIServer(bundles: [TestServer.bundle], options: options) }
        options.keys = ["key"]
        _ = try APIServer(bundles: [TestServer.bundle], options: options)
        options.keys = []
        options.isOpen = true
        _ = try APIServer(bundles: [TestServer.bundle], options: options)
        // Requests could not tell them apart.
        #expect(throws: (any Error).self) {
            try APIServer(bundles: [TestServer.bundle, TestServer.bundle], options: ServerOptions())
        }
    }

    @Test func hostRuleKnowsAddressesFromNames() {
        let all = HostRule(host: "::", further: ["models.lan"])
        #expect(all.allows("192.168.1.4:8080") && all.allows("[fe80::1]:80") && all.allows("models.lan"))
        #expect(!all.allows("evil.example") && !all.allows("1.2.3.4.evil"))
        let one = HostRule(host: "192.168.1.4", further: [])
        #expect(one.allows("192.168.1.4") && !one.allows("192.168.1.5") && one.allows("localhost"))
        #expect(HostRule.isLoopback("127.0.0.1") && HostRule.isLoopback("[::1]") && !HostRule.isLoopback("127.evil"))
    }

    @Test func methodsAndPathsThatDoNotExist() async throws {
        try await TestServer.with { server in
            let wrong = try await server.get("/v1/chat/completions")
            #expect(wrong.status == 405 && wrong.headers["allow"] == "POST")
            #expect(try await server.post("/v1/models", "{}").status == 405)
            for path in [
                "/nothing", "/v1/models/a/b", "/..%2fetc", "/%00", "/v1//models",
                "/" + .init(repeating: "a", count: 9000),
            ] {
                let response = try await server.get(path)
                #expect(response.status == 404 && response.error?["message"]?.string?.isEmpty == false, "\(path)")
            }
            #expect(try await server.get("health").status == 400)
            let head = try await server.send("HEAD", "/v1/models")
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    /// RFC 9112, section 9.3: HTTP/1.0 keeps a connection only where both sides say so, and knows no chunks.
    @Test func oldClientsGetTheEndOfTheConnection() async throws {
        try await TestServer.with { server in
            func old(_ request: String) -> String { request.replacing("HTTP/1.1\r\n", with: "HTTP/1.0\r\n") }
            let once = try await server.connect()
            try await once.send(old(server.request("GET", "/health")))
            let text = try await once.receive(until: "never").lowercased()
            #expect(text.hasPrefix("http/1.0 200") && text.contains("connection: close"), "\(text)")
            #expect(text.hasSuffix(#"{"status":"ok"}"#))

            let kept = try await server.connect()
            for _ in 0..<2 {
                try await kept.send(old(server.request("GET", "/health", nil, ["Connection": "keep-alive"])))
                let response = try await kept.response()
                #expect(response.status == 200 && response.headers["connection"] == "keep-alive")
            }
            // Nobody knows before where a stream ends.
            let body = chat("Who was Noah?", #","max_tokens":3,"stream":true"#)
            try await kept.send(
                old(server.request("POST", "/v1/chat/completions", body, ["Connection": "keep-alive"])))
            let stream = try await kept.receive(until: "never")
            #expect(stream.contains("connection: close") && !stream.lowercased().contains("chunked"), "\(stream)")
            #expect(stream.hasSuffix("data: [DONE]\n\n"))

            let new = try await server.connect()
            for _ in 0..<2 {
                try await new.send(server.request("GET", "/health"))
                let response = try await new.response()
                #expect(response.status == 200 && response.headers["connection"] == nil)
            }
        }
    }

    @Test func everyResponseIsHardened() async throws {
        try await TestServer.with { server in
            for response in [try await server.get("/v1/models"), try await server.get("/nothing")] {
                #expect(response.headers["x-content-type-options"] == "nosniff")
                #expect(response.headers["content-security-policy"]?.contains("frame-ancestors 'none'") == true)
                #expect(response.headers["server"] == nil && response.headers["x-powered-by"] == nil)
            }
        }
    }
}
