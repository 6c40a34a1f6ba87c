import Foundation
import HTTPTypes
import Storage
import TaperConvert
import TaperRuntime
import Testing

import Server

/// What the server says of itself and of its bundles.
@Suite struct StateTests {
    @Test func propertiesAreTheBundles() async throws {
        let report = try BundleReport(path: TestServer.bundle)
        try await TestServer.with {
            $0.contextLength = 200
            $0.answersAtOnce = 3
        } _: { server in
            let json = try await server.get("/props?model=" + TestServer.model).json
            #expect(json["family"]?.string == report.family && json["context"]?.integer == 200)
            #expect(json["precisions"]?.array?.map { $0["bits"]?.double } == report.rows.map(\.precision.bits))
            #expect(
                json["precisions"]?.array?.map { $0["bytes_per_token"]?.integer } == report.rows.map(\.bytesPerToken))
            #expect(json["quality"]?.array?.map { $0["perplexity"]?.double } == report.rows.map(\.perplexity))
            #expect(json["schedules"]?.array?.map { $0["task"]?.string } == report.schedules.map(\.task))
            #expect(!report.schedules.isEmpty && json["learned"]?.bool == true)
            #expect(json["answers_at_once"]?.integer == 3 && json["queue"]?.integer == 64)
            #expect(json["memory"]?["bundle_bytes"]?.integer == report.byteCount)
            // Whoever may ask need not know where files lie.
            #expect(!json.text().contains("/"))
        }
    }

    @Test func metricsCountWhatWasDone() async throws {
        try await TestServer.with { server in
            let body = chat("Who was Noah?", #","temperature":0,"max_tokens":9,"precision":{"switch":"4@0,2@3"}"#)
            let usage = try #require(try await server.post("/v1/chat/completions", body).json["usage"])
            #expect(try await server.get("/nothing").status == 404)
            let metrics = try await server.get("/metrics")
            #expect(metrics.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            let lines = Set(metrics.text.split(separator: "\n").map(String.init))
            let steps = try #require(usage["completion_tokens"]?.integer) - 1
            for line in [
                #"taper_requests_total{path="/v1/chat/completions",status="200"} 1"#,
                #"taper_requests_total{path="other",status="404"} 1"#,
                #"taper_prompt_tokens_total{model="0.1.0-tiny"} \#(usage["prompt_tokens"]?.integer ?? -1)"#,
                #"taper_generated_tokens_total{model="0.1.0-tiny"} \#(steps + 1)"#,
                #"taper_decode_step_bits_bucket{model="0.1.0-tiny",le="2"} \#(steps - 3)"#,
                #"taper_decode_step_bits_bucket{model="0.1.0-tiny",le="+Inf"} \#(steps)"#,
                #"taper_decode_step_bits_sum{model="0.1.0-tiny"} \#(12 + 2 * (steps - 3))"#,
                #"taper_answers_open{model="0.1.0-tiny"} 0"#,
            ] { #expect(lines.contains(line), "\(line) in \(metrics.text)") }
            for line in lines {
                #expect(line.contains(/^(# (HELP|TYPE) .+|[a-z_]+(\{[^}]*\})? [0-9.e+-]+)$/), "\(line)")
            }
        }
    }

    @Test func theDocumentTellsOfEveryPath() async throws {
        try await TestServer.with { server in
            let document = try await server.get("/openapi.json").json
            #expect(document["openapi"]?.string == "3.1.0")
            var told: Set<String> = []
            for path in try #require(document["paths"]?.members) {
                for method in try #require(path.value.members) { told.insert(method.key.uppercased() + " " + path.key) }
            }
            // The page is for people.
            let served = Endpoint.all.filter { $0.path != "/" && !$0.path.hasPrefix("/page/") }
            #expect(told == Set(served.map { $0.method.rawValue + " " + $0.path }))
        }
    }

    /// Names in the document are exactly those that requests may hold.
    @Test(arguments: [("ChatRequest", "/v1/chat/completions"), ("CompletionRequest", "/v1/completions")])
    func theDocumentTellsOfEveryMember(schema: String, path: String) async throws {
        let required = path.contains("chat") ? #""messages":[{"role":"user","content":"a"}]"# : #""prompt":"a""#
        try await TestServer.with { server in
            let document = try await server.get("/openapi.json").json
            let members = try #require(document["components"]?["schemas"]?[schema]?["properties"]?.members)
            #expect(members.count > 20)
            for member in members where !required.contains("\"\(member.key)\"") {
                // No member takes such a value, and one that is not known is refused in other words.
                let response = try await server.post(path, "{\(required),\"\(member.key)\":[[[]]]}")
                let isIgnored = member.value["description"]?.string?.hasPrefix("Without effect") == true
                #expect(response.error?["code"]?.string != "unknown_parameter", "\(member.key)")
                #expect(response.status == (isIgnored ? 200 : 400), "\(member.key): \(response.text)")
            }
        }
    }

    @Test func theLogTellsNothingOfWhatIsSaid() async throws {
        let lines = Lines()
        try await TestServer.with {
            $0.keys = ["hidden-key"]
            $0.log = { lines.add($0) }
        } _: { server in
            let headers = ["Authorization": "Bearer hidden-key"]
            _ = try await server.post("/v1/chat/completions", chat("secret", #","max_tokens":1"#), headers)
            _ = try await server.get("/secret?secret=1", headers)
            _ = try await server.post("/v1/chat/completions", chat("secret", #","secret":1"#), headers)
        }
        #expect(lines.all.count == 3 && lines.all.contains { $0.hasPrefix("POST /v1/chat/completions 200 ") })
        #expect(!lines.all.contains { $0.contains("secret") || $0.contains("hidden") })
    }
}

private final class Lines: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []
    var all: [String] { lock.withLock { lines } }
    func add(_ line: String) { lock.withLock { lines.append(line) } }
}
