import Foundation
import Storage
import Testing

import Server

/// What of a request cannot be used, and how that is said.
@Suite struct RequestTests {
    @Test func membersOutOfRangeAreNamed() async throws {
        try await TestServer.with { server in
            for (member, parameter) in [
                (#""temperature":-1"#, "temperature"), (#""temperature":2.1"#, "temperature"),
                (#""temperature":1e999"#, "temperature"), (#""temperature":NaN"#, nil),
                (#""temperature":"1""#, "temperature"),
                (#""top_p":2"#, "top_p"), (#""top_k":-1"#, "top_k"), (#""min_p":1.5"#, "min_p"),
                (#""n":0"#, "n"), (#""n":5"#, "n"), (#""n":1.5"#, "n"), (#""n":9223372036854775808"#, "n"),
                (#""max_tokens":0"#, "max_tokens"), (#""max_tokens":1e308"#, "max_tokens"),
                (#""max_completion_tokens":0"#, "max_completion_tokens"), (#""seed":1.5"#, "seed"),
                (#""presence_penalty":3"#, "presence_penalty"), (#""logit_bias":{"99999":1}"#, "logit_bias.99999"),
                (#""logit_bias":{"-1":1}"#, "logit_bias.-1"), (#""logit_bias":{"5":1e9}"#, "logit_bias.5"),
                (#""logit_bias":[]"#, "logit_bias"), (#""stop":"""#, "stop"), (#""stop":[1]"#, "stop"),
                (#""stop":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]"#, "stop"),
                (#""stream":1"#, "stream"), (#""stream_options":{"usage":true}"#, "stream_options.usage"),
                (#""precision":{"bits":7}"#, "precision.bits"),
                (#""precision":{"bits":4,"schedule":"fixed"}"#, "precision"),
                (#""precision":{"schedule":"static:none"}"#, "precision.schedule"),
                (#""precision":{"switch":"2@0,4@3"}"#, "precision.switch"),
                (#""precision":{"switch":"7@0,5@3"}"#, "precision.switch"),
                (#""precision":{"prefill_bits":7}"#, "precision.prefill_bits"),
                (#""precision":{"draft_bits":7}"#, "precision.draft_bits"),
                (#""precision":{"foo":7}"#, "precision.foo"), (#""precision":4"#, "precision"),
                (#""tools":[{"type":"function"}]"#, "tools"), (#""functions":[{}]"#, "functions"),
                (#""tool_choice":"required""#, "tool_choice"), (#""modalities":["text","audio"]"#, "modalities"),
                (#""audio":{}"#, "audio"), (#""foo":1"#, "foo"), (#""top_logprobs":2"#, "top_logprobs"),
                (#""logprobs":true,"top_logprobs":21"#, "top_logprobs"), (#""logprobs":1"#, "logprobs"),
                (#""response_format":"json""#, "response_format"),
                (#""response_format":{"type":"json_schema","json_schema":{}}"#, "response_format.type"),
            ] as [(String, String?)] {
                let response = try await server.post("/v1/chat/completions", chat("Hi", "," + member))
                #expect(response.status == 400, "\(member): \(response.text)")
                #expect(response.error?["param"]?.string == parameter, "\(member): \(response.text)")
                #expect(response.error?["type"]?.string == "invalid_request_error")
                // Flags are the command line's.
                #expect(response.error?["message"]?.string?.contains("--") == false)
            }
        }
    }

    @Test func messagesThatCannotBeReadAreNamed() async throws {
        try await TestServer.with { server in
            let image = #"[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"http://127.0.0.1:1/"}}]"#
            for (messages, parameter) in [
                ("[]", "messages"), ("{}", "messages"), ("[1]", "messages[0]"),
                (#"[{"role":"king","content":"a"}]"#, "messages[0].role"), (#"[{"content":"a"}]"#, "messages[0].role"),
                (#"[{"role":"tool","content":"a"}]"#, "messages[0].role"),
                (#"[{"role":"user"}]"#, "messages[0].content"),
                (#"[{"role":"user","content":1}]"#, "messages[0].content"),
                (
                    #"[{"role":"user","content":"a"},{"role":"user","content":\#(image)}]"#,
                    "messages[1].content[1].type"
                ),
                (#"[{"role":"user","content":"a","name":"b"}]"#, "messages[0].name"),
            ] {
                let response = try await server.post("/v1/chat/completions", #"{"messages":\#(messages)}"#)
                #expect(response.status == 400 && response.error?["param"]?.string == parameter, "\(response.text)")
            }
            // What clients send along of a reply they got, empty as it is.
            let echoed = #"{"role":"assistant","content":"a","refusal":null,"tool_calls":null,"annotations":[]}"#
            let response = try await server.post(
                "/v1/chat/completions",
                #"{"messages":[{"role":"user","content":"a"},\#(echoed),{"role":"user","content":"b"}],"max_tokens":1,"user":"me","store":false}"#
            )
            #expect(response.status == 200, "\(response.text)")
        }
    }

    @Test func completionsThatCannotBeReadAreNamed() async throws {
        try await TestServer.with { server in
            for (members, parameter) in [
                (#""temperature":0"#, "prompt"), (#""prompt":[]"#, "prompt"), (#""prompt":{}"#, "prompt"),
                (#""prompt":[1,-5]"#, "prompt[1]"), (#""prompt":[99999]"#, "prompt[0]"),
                (#""prompt":[[]]"#, "prompt[0]"),
                (#""prompt":"a","echo":true"#, "echo"), (#""prompt":"a","suffix":"b""#, "suffix"),
                (#""prompt":"a","best_of":3"#, "best_of"),
            ] {
                let response = try await server.post("/v1/completions", "{\(members)}")
                #expect(response.status == 400 && response.error?["param"]?.string == parameter, "\(response.text)")
            }
            let long = JSONValue.string(String(repeating: "word ", count: 2000)).text()
            let tooLong = try await server.post("/v1/completions", #"{"prompt":\#(long)}"#)
            #expect(tooLong.status == 400 && tooLong.error?["message"]?.string?.contains("larger context") == true)
        }
    }

    @Test func whatIsNoJSONIsRefused() async throws {
        try await TestServer.with { server in
            let deep = String(repeating: "[", count: 100_000)
            for body in [
                "", "{", "[]", "1", "{} {}", "\u{feff}{}", #"{"content":"a","content":"b"}"#, #"{"content":"\ud800"}"#,
                #"{"content":"# + deep + "}", "{'content':1}",
            ] {
                let response = try await server.post("/tokenize", body)
                #expect(
                    response.status == 400 && response.error?["message"]?.string?.isEmpty == false, "\(body.prefix(40))"
                )
            }
            let connection = try await server.connect()
            let head = server.request("POST", "/tokenize", "", ["Content-Length": "15"])
            try await connection.send(Array(head.utf8) + Array(#"{"content":""#.utf8) + [0xff] + Array("\"}".utf8))
            #expect(try await connection.response().status == 400)
        }
    }

    @Test func modelsAreFoundByName() async throws {
        try await TestServer.with { server in
            let list = try await server.get("/v1/models").json
            #expect(list["data"]?.array?.map { $0["id"]?.string } == [TestServer.model])
            #expect(try await server.get("/v1/models/" + TestServer.model).json["object"]?.string == "model")
            let missing = try await server.get("/v1/models/other")
            #expect(missing.status == 404 && missing.error?["code"]?.string == "model_not_found")
            let asked = try await server.post("/v1/chat/completions", chat("Hi", #","model":"other""#))
            #expect(asked.status == 404 && asked.error?["param"]?.string == "model")
            #expect(try await server.get("/props?model=other").status == 404)
        }
    }

    @Test func tokensThereAndBack() async throws {
        try await TestServer.with { server in
            let text = "Noah — ark é"
            let there = try await server.post("/tokenize", #"{"content":"\#(text)"}"#).json
            let tokens = try #require(there["tokens"])
            let back = try await server.post("/detokenize", #"{"tokens":\#(tokens.text())}"#).json
            #expect(back["content"]?.string == text)
            let pieces = try await server.post("/tokenize", #"{"content":"\#(text)","with_pieces":true}"#).json
            #expect(pieces["tokens"]?.array?.compactMap { $0["id"]?.integer } == tokens.array?.compactMap(\.integer))
            #expect(try await server.post("/detokenize", #"{"tokens":[]}"#).json["content"]?.string == "")
            #expect(try await server.post("/detokenize", #"{"tokens":[-1]}"#).error?["param"]?.string == "tokens[0]")
        }
    }
}
