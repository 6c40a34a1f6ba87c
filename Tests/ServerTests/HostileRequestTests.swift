import Foundation
import Glibc
import Storage
import Testing

import Server

/// Cases 140 to 147 of the list of hostile inputs: what the bodies of requests may hold. Those of `RequestTests` are not repeated.
@Suite struct HostileRequestTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let number: Int
        let what: String
        let path: String
        let body: String
        let status: Int
        /// `error.param`, or `error.code` where no member is at fault.
        let fault: String?
        var testDescription: String { "\(number) \(what)" }

        /// A member of a chat.
        init(_ number: Int, _ what: String, _ status: Int, _ fault: String? = nil, _ members: String) {
            self.init(number, what, status, fault, "/v1/chat/completions", chat("Hi", "," + members))
        }

        init(_ number: Int, _ what: String, _ status: Int, _ fault: String?, _ path: String, _ body: String) {
            (self.number, self.what, self.status, self.fault) = (number, what, status, fault)
            (self.path, self.body) = (path, body)
        }
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    private static func long(_ count: Int) -> String { String(repeating: "a", count: count) }
    /// Token ids with biases.
    private static func biases(_ ids: Range<Int>) -> String {
        "{" + ids.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
    }

    static let bodies: [Case] = [
        // The object itself is the first level.
        Case(140, "64 levels", 400, "x", "\"x\":" + nested(63)),
        Case(140, "65 levels", 400, "invalid_json", "\"x\":" + nested(64)),
        Case(140, "100,000 levels", 400, "invalid_json", "\"x\":" + nested(100_000)),
        Case(140, "a key twice, deep inside", 400, "invalid_json", #""metadata":{"a":{"b":1,"b":2}}"#),
        Case(140, "NaN", 400, "invalid_json", #""seed":NaN"#),
        Case(140, "Infinity", 400, "invalid_json", #""seed":-Infinity"#),
        Case(140, "half a pair", 400, "invalid_json", #""stop":"\udc00\ud800""#),
        Case(140, "half a pair in a key", 400, "invalid_json", #""\ud83d":1"#),
        Case(140, "a comma too many", 400, "invalid_json", #""seed":1,"#),
        Case(140, "a comment", 400, "invalid_json", #""seed":/* one */1"#),
        Case(140, "a number with a zero before it", 400, "invalid_json", #""seed":01"#),
        Case(
            140, "a million elements", 400, "invalid_json", "\"x\":[1" + String(repeating: ",1", count: 999_999) + "]"),
        Case(140, "text after the end", 400, "invalid_json", "/tokenize", #"{"content":"a"}x"#),
        Case(140, "a second mark", 400, "invalid_json", "/tokenize", "{\u{feff}\"content\":\"a\"}"),
        Case(140, "a NUL after the end", 400, "invalid_json", "/tokenize", "{\"content\":\"a\"}\u{0}"),
        Case(142, "-0.001", 400, "temperature", #""temperature":-0.001"#),
        Case(142, "10^9", 400, "temperature", #""temperature":1e9"#),
        Case(142, "as text", 400, "temperature", #""temperature":"NaN""#),
        Case(142, "-0", 200, nil, #""temperature":-0.0,"max_tokens":1"#),
        Case(142, "null", 200, nil, #""temperature":null,"top_p":null,"max_tokens":1"#),
        Case(142, "top_p 0", 200, nil, #""top_p":0,"max_tokens":1"#),
        Case(142, "top_p denormal", 200, nil, #""top_p":5e-324,"min_p":1,"max_tokens":1"#),
        Case(142, "top_p 1.0000001", 400, "top_p", #""top_p":1.0000001"#),
        Case(142, "top_p -1", 400, "top_p", #""top_p":-1"#),
        Case(143, "500,000 keys", 400, nil, "\"logit_bias\":" + biases(0..<500_000)),
        Case(143, "1,025 keys", 400, "logit_bias", "\"logit_bias\":" + biases(0..<1025)),
        Case(143, "1e999", 400, nil, #""logit_bias":{"1":1e999}"#),
        Case(143, "-1e308", 400, "logit_bias.1", #""logit_bias":{"1":-1e308}"#),
        Case(143, "Infinity as text", 400, "logit_bias.1", #""logit_bias":{"1":"Infinity"}"#),
        Case(
            143, "a token of 2^64", 400, "logit_bias.18446744073709551616", #""logit_bias":{"18446744073709551616":1}"#),
        Case(143, "no number for a token", 400, "logit_bias.", #""logit_bias":{"":1}"#),
        Case(
            143, "all tokens forbidden", 200, nil,
            "\"max_tokens\":1,\"logit_bias\":" + biases(0..<300).replacing(":1", with: ":-100")),
        Case(
            144, "10,000 texts", 400, "stop",
            "\"stop\":[" + (0..<10_000).map { "\"\($0)\"" }.joined(separator: ",") + "]"),
        Case(144, "an empty text in a list", 400, "stop", #""stop":["a",""]"#),
        Case(144, "1 MB", 400, "stop", "\"stop\":\"\(long(1_000_000))\""),
        Case(144, "no texts", 200, nil, #""stop":[],"max_tokens":1"#),
        Case(
            145, "100,000 messages", 400, "messages", "/v1/chat/completions",
            #"{"messages":["# + [String](repeating: "0", count: 100_000).joined(separator: ",") + "]}"),
        Case(
            145, "a role of 1 MB", 400, "messages[0].role", "/v1/chat/completions",
            #"{"messages":[{"role":"\#(long(1_000_000))","content":"a"}]}"#),
        Case(
            145, "a message with a file", 400, "messages[0].content[0].type", "/v1/chat/completions",
            #"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"a"}}]}]}"#),
        Case(
            147, "a schema that refers to itself", 400, "response_format.type",
            ##""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"$ref":"#"}}}"##),
        Case(
            147, "a pattern that never ends", 400, "response_format.type",
            #""response_format":{"type":"json_schema","json_schema":{"schema":{"pattern":"(a+)+$"}}}"#),
        Case(
            147, "a deep schema", 400, "invalid_json",
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":\(nested(100))}"),
        Case(
            147, "a schema beside json_object", 400, "response_format.schema",
            #""response_format":{"type":"json_object","schema":{}}"#),
        Case(147, "a grammar", 400, "grammar", #""grammar":"root ::= root""#),
    ]

    @Test func bodiesHaveTheirStatus() async throws {
        try await TestServer.with { server in
            for item in Self.bodies {
                let response = try await server.post(item.path, item.body)
                let error = response.error
                let note: Comment = "\(item.number) \(item.what): \(response.text.prefix(300))"
                #expect(response.status == item.status, note)
                if let fault = item.fault {
                    #expect((error?["param"]?.string ?? error?["code"]?.string) == fault, note)
                }
                // What is wrong is named, not repeated.
                if item.status != 200 { #expect((1..<500).contains(error?["message"]?.string?.count ?? 0), note) }
            }
        }
    }

    /// 141: every number that counts something, with values that are none or too large.
    @Test func countsOutOfRangeAreNamed() async throws {
        let texts = [
            "-1", "0", "2147483648", "9223372036854775807", "9223372036854775808", "1e308", "-1e308", "0.5", "\"5\"",
            "true", "[]", "{}",
        ]
        // Values among those that mean something.
        let members: [(path: String, name: String, with: String, allowed: Set<String>)] = [
            ("/v1/chat/completions", "n", "", []), ("/v1/chat/completions", "max_tokens", "", []),
            ("/v1/chat/completions", "max_completion_tokens", "", []),
            ("/v1/chat/completions", "top_k", "", ["0"]), ("/v1/chat/completions", "repeat_last_n", "", ["0"]),
            ("/v1/chat/completions", "top_logprobs", #","logprobs":true"#, ["0"]),
            ("/v1/chat/completions", "seed", "", ["-1", "0", "2147483648", "9223372036854775807"]),
            ("/v1/completions", "logprobs", "", ["0"]), ("/v1/completions", "n", "", []),
            ("/v1/completions", "max_tokens", "", []), ("/v1/completions", "best_of", "", []),
        ]
        try await TestServer.with { server in
            for (path, name, with, allowed) in members {
                let prompt = path.contains("chat") ? #""messages":[{"role":"user","content":"Hi"}]"# : #""prompt":"a""#
                let short = name.contains("tokens") ? "" : #","max_tokens":1"#
                for text in texts + ["null"] {
                    let response = try await server.post(path, "{\(prompt)\(with)\(short),\"\(name)\":\(text)}")
                    let isAllowed = allowed.contains(text) || text == "null"
                    #expect(response.status == (isAllowed ? 200 : 400), "\(path) \(name) \(text): \(response.text)")
                    if !isAllowed { #expect(response.error?["param"]?.string == name, "\(response.text)") }
                }
            }
        }
    }

    /// 145: nothing that a message points to is asked for.
    @Test func addressesAreNotFollowed() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        defer { _ = Glibc.close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) + listen(listener, 4) + getsockname(listener, $0, &size)
            }
        }
        try #require(status == 0)
        let url = "http://127.0.0.1:\(address.sin_port.bigEndian)/a.png"
        try await TestServer.with { server in
            for part in [
                #"{"type":"image_url","image_url":{"url":"\#(url)"}}"#,
                #"{"type":"input_audio","input_audio":{"url":"\#(url)"}}"#,
                #"{"type":"text","text":"![a](\#(url))"}"#,
            ] {
                let body = #"{"messages":[{"role":"user","content":[\#(part)]}],"max_tokens":1}"#
                let expected = part.contains("\"text\"") ? 200 : 400
                let response = try await server.post("/v1/chat/completions", body)
                #expect(response.status == expected, "\(response.text)")
            }
        }
        #expect(accept(listener, nil, nil) == -1 && errno == EAGAIN)
    }

    /// 146: a prompt that fills the context leaves room for one token, a longer one is refused; what is only said to come is too.
    @Test func promptsAtTheEdgeOfTheContext() async throws {
        try await TestServer.with {
            $0.contextLength = 32
        } _: { server in
            func ask(_ count: Int) async throws -> RawResponse {
                let tokens = JSONValue.array([JSONValue](repeating: .integer(5), count: count)).text()
                return try await server.post(
                    "/v1/completions", #"{"temperature":0,"max_tokens":9,"prompt":\#(tokens)}"#)
            }
            for (count, written) in [(32, 1), (31, 2)] {
                let answer = try await ask(count)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(try answer.json["usage"]?["completion_tokens"]?.integer == written)
                #expect(try answer.json["choices"]?.array?.first?["finish_reason"]?.string == "length")
            }
            for count in [33, 100_000] {
                let refused = try await ask(count)
                #expect(refused.status == 400 && refused.error?["param"]?.string == "prompt", "\(refused.text)")
            }
            let connection = try await server.connect()
            try await connection.send(server.request("POST", "/v1/completions", "{", ["Content-Length": "2147483648"]))
            #expect(try await connection.response().status == 413)
        }
    }
}
