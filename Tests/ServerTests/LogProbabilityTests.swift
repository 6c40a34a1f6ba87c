import Storage
import TaperRuntime
import Testing

import Server

/// Log probabilities and JSON mode are the library's, in OpenAI's form.
@Suite struct LogProbabilityTests {
    private static let settings = #","temperature":0.9,"seed":5,"max_tokens":12"#
    private static var options: AnswerOptions {
        AnswerOptions(
            maxTokens: 12, sampling: Sampling(temperature: 0.9, topK: 0, topP: 1, minP: 0, seed: 5))
    }

    private static func model() throws -> LanguageModel {
        try LanguageModel(path: TestServer.bundle, options: .init(threads: 1))
    }

    @Test func chatsHaveAnEntryForEveryToken() async throws {
        let model = try Self.model()
        var options = Self.options
        options.logProbabilities = 3
        let expected = try await model.answer("Who was Noah?", options: options)
        try await TestServer.with { server in
            let body = chat("Who was Noah?", Self.settings + #","logprobs":true,"top_logprobs":3"#)
            let whole = try await server.post("/v1/chat/completions", body).json
            let entries = try #require(whole["choices"]?.array?.first?["logprobs"]?["content"]?.array)
            #expect(entries.count == expected.tokens.count)
            for (entry, token) in zip(entries, expected.logProbabilities) {
                #expect(entry["logprob"]?.double == token.logProbability)
                #expect(entry["token"]?.string == model.tokenizer.decode([token.token], keepsSpecial: true))
                let tops = try #require(entry["top_logprobs"]?.array)
                #expect(tops.map { $0["logprob"]?.double } == token.alternatives.map(\.logProbability))
                #expect(tops.count == 3 && (token.logProbability <= 0))
                let bytes = try #require(entry["bytes"]?.array).compactMap(\.integer).map { UInt8($0) }
                #expect(String(decoding: bytes, as: UTF8.self) == entry["token"]?.string)
            }
            let bytes = entries.flatMap { $0["bytes"]?.array ?? [] }.compactMap(\.integer).map { UInt8($0) }
            #expect(String(decoding: bytes, as: UTF8.self) == expected.text)
            let events = try await server.post(
                "/v1/chat/completions", String(body.dropLast()) + #","stream":true}"#
            ).events()
            let streamed = events.compactMap { $0["choices"]?.array?.first?["logprobs"]?["content"]?.array }.flatMap {
                $0
            }
            #expect(streamed.map { $0.text() } == entries.map { $0.text() })
            // Without the word for it nothing of the kind is told.
            let plain = try await server.post("/v1/chat/completions", chat("Who was Noah?", Self.settings)).json
            #expect(plain["choices"]?.array?.first?["logprobs"]?.isNull == true)
        }
    }

    /// The sample model has no token of a whole emoji.
    @Test func aPartOfACharacterHasItsBytes() async throws {
        let parts = try Self.model().tokenizer.encode("😀")
        try #require(parts.count == 4)
        try await TestServer.with { server in
            let biases = parts.map { #""\#($0)":100"# }.joined(separator: ",")
            let body = chat("Noah", #","max_tokens":8,"logprobs":true,"top_logprobs":1,"logit_bias":{\#(biases)}"#)
            let json = try await server.post("/v1/chat/completions", body).json
            let entries = try #require(json["choices"]?.array?.first?["logprobs"]?["content"]?.array)
            #expect(entries.count == 8)
            for entry in entries {
                #expect(entry["bytes"]?.array?.count == 1 && entry["token"]?.string == "\u{fffd}")
            }
        }
    }

    @Test func completionsHaveColumns() async throws {
        let model = try Self.model()
        var options = Self.options
        options.logProbabilities = 2
        let expected = try await model.answer(.text("In the beginning"), options: options)
        try await TestServer.with { server in
            let body = #"{"prompt":"In the beginning","logprobs":2"# + Self.settings
            let choice = try #require(
                try await server.post("/v1/completions", body + "}").json["choices"]?.array?.first)
            let columns = try #require(choice["logprobs"])
            #expect(columns["token_logprobs"]?.array?.map(\.double) == expected.logProbabilities.map(\.logProbability))
            #expect(columns["tokens"]?.array?.count == expected.tokens.count)
            #expect(columns["top_logprobs"]?.array?.map { $0.members?.count } == expected.tokens.map { _ in 2 })
            let offsets = try #require(columns["text_offset"]?.array).compactMap(\.integer)
            #expect(offsets.first == 0 && offsets == offsets.sorted() && offsets.count == expected.tokens.count)
            let events = try await server.post("/v1/completions", body + #","stream":true}"#).events()
            let streamed = events.compactMap { $0["choices"]?.array?.first?["logprobs"]?["text_offset"]?.array }
            #expect(streamed.flatMap { $0 }.compactMap(\.integer) == offsets)
        }
    }

    @Test func jsonModeWritesAnObject() async throws {
        let model = try Self.model()
        // A model of this size would go on within its first string for long.
        let end = try #require(model.tokenizer.encode("}").first)
        let settings = #","temperature":1,"seed":4,"max_tokens":60,"logit_bias":{"\#(end)":6}"#
        try await TestServer.with { server in
            for stream in [false, true] {
                let response = try await server.post(
                    "/v1/chat/completions",
                    chat("Noah as JSON", settings + #","response_format":{"type":"json_object"},"stream":\#(stream)"#))
                let choices =
                    stream
                    ? try response.events().compactMap { $0["choices"]?.array?.first }
                    : try response.json["choices"]?.array ?? []
                let text = choices.compactMap {
                    ($0["delta"] ?? $0["message"])?["content"]?.string
                }.joined()
                #expect(choices.last?["finish_reason"]?.string == "stop")
                #expect(try JSONValue.parse(Array(text.utf8), place: "answer").members != nil, "\(text)")
            }
            let plain = try await server.post(
                "/v1/chat/completions", chat("Noah as JSON", settings + #","response_format":{"type":"text"}"#))
            let text = try #require(try plain.json["choices"]?.array?.first?["message"]?["content"]?.string)
            #expect(throws: (any Error).self) { try JSONValue.parse(Array(text.utf8), place: "answer") }
        }
    }
}
