import Foundation
import Storage
import Testing

import Server

/// Who goes away is not computed for.
@Suite struct CancellationTests {
    @Test(arguments: [true, false])
    func aClientThatLeavesFreesItsPlace(halfWay: Bool) async throws {
        try await TestServer.with { server in
            for stream in [true, false] {
                let connection = try await server.connect()
                try await connection.send(
                    server.request("POST", "/v1/chat/completions", longChat(#","stream":\#(stream)"#)))
                if stream {
                    _ = try await connection.receive(until: "token")
                } else {
                    try await server.wait(for: "taper_answers_open") { $0 == 1 }
                }
                if halfWay { connection.halfClose() } else { connection.close() }
                try await server.wait(for: "taper_answers_open") { $0 == 0 }
            }
            #expect(try await server.metric(#"taper_answers_total{model="0.1.0-tiny",end="cancelled"}"#) == 2)
            let written = try #require(try await server.metric("taper_generated_tokens_total"))
            #expect(written < 2 * 450)
            #expect(try await server.post("/v1/chat/completions", chat("Hi", #","max_tokens":1"#)).status == 200)
        }
    }

    @Test func aRequestThatWaitsLeavesTheQueue() async throws {
        try await TestServer.with {
            $0.answersAtOnce = 1
        } _: { server in
            let first = try await server.connect()
            try await first.send(server.request("POST", "/v1/chat/completions", longChat(#","stream":true"#)))
            _ = try await first.receive(until: "token")
            let second = try await server.connect()
            try await second.send(server.request("POST", "/v1/chat/completions", longChat()))
            try await server.wait(for: "taper_answers_waiting") { $0 == 1 }
            second.close()
            // The first may be at its end already.
            try await server.wait(for: "taper_answers_open") { $0 <= 1 }
            first.close()
            try await server.wait(for: "taper_answers_open") { $0 == 0 }
        }
    }
}
