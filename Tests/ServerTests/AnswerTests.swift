import Foundation
import Storage
import TaperRuntime
import Testing

import Server

/// Answers by the API are the library's.
@Suite struct AnswerTests {
    private static let sampled = #","temperature":0.9,"top_k":20,"top_p":0.9,"seed":7,"max_tokens":24"#
    private static var sampling: Sampling {
        Sampling(temperature: 0.9, topK: 20, topP: 0.9, minP: 0, seed: 7)
    }

    private static func model() throws -> LanguageModel {
        try LanguageModel(path: TestServer.bundle, options: .init(threads: 1))
    }

    /// By need, alone and beside others: what the library answers, with the bits that were read.
    @Test func precisionByNeedIsTheLibrarys() async throws {
        let path = TestServer.bundle.replacing("0.1.0-tiny", with: "after-0.1.0-adaptive")
        let model = try LanguageModel(path: path, options: .init(threads: 1))
        #expect(model.facts.hasAdaptiveSchedule)
        try await TestServer.with(bundle: path) { server in
            for temperature in [0, 0.9] {
                var sampling = Sampling(temperature: temperature, seed: 3)
                sampling.topK = 40
                let expected = try await model.answer(
                    .text("And God said"), options: .init(maxTokens: 40, sampling: sampling, precision: .adaptive))
                let body =
                    #"{"prompt":"And God said","max_tokens":40,"temperature":\#(temperature),"seed":3,"top_k":40,"top_p":0.95,"min_p":0.05,"#
                    + #""precision":{"schedule":"adaptive"}}"#
                async let other = server.post(
                    "/v1/completions", #"{"prompt":"In the beginning","max_tokens":60,"temperature":0}"#)
                let response = try await server.post("/v1/completions", body).json
                #expect(try await other.status == 200)
                #expect(response["choices"]?.array?.first?["text"]?.string == expected.text)
                let taper = try #require(response["usage"]?["taper"])
                #expect(taper["schedule"]?.string == "adaptive")
                #expect(taper["average_bits"]?.double == expected.averageBits)
            }
        }
        // A bundle without the rule says so.
        try await TestServer.with { server in
            let refused = try await server.post(
                "/v1/completions", #"{"prompt":"And","max_tokens":4,"precision":{"schedule":"adaptive"}}"#)
            #expect(refused.status == 400 && refused.text.contains("precision by need"))
        }
    }

    @Test func aChatIsWhatTheLibraryAnswers() async throws {
        let model = try Self.model()
        try await TestServer.with { server in
            for (precision, choice) in [
                ("{}", PrecisionChoice.automatic), (#"{"bits":3.5}"#, .fixed(3.5)),
                (#"{"switch":"4@0,2@5"}"#, try .switching("4@0,2@5")), (#"{"schedule":"learned"}"#, .learned),
                (#"{"schedule":"fixed"}"#, .highest),
            ] {
                let expected = try await model.answer(
                    .message("Who was Noah?", system: "Be brief."),
                    options: .init(maxTokens: 24, sampling: Self.sampling, precision: choice))
                let body =
                    #"{"messages":[{"role":"system","content":"Be brief."},"#
                    + #"{"role":"user","content":[{"type":"text","text":"Who was "},{"type":"text","text":"Noah?"}]}]"#
                    + Self.sampled + #","precision":"# + precision
                let response = try await server.post("/v1/chat/completions", body + "}").json
                let first = try #require(response["choices"]?.array?.first)
                #expect(first["message"]?["content"]?.string == expected.text, "\(precision)")
                #expect(first["finish_reason"]?.string == (expected.end == .length ? "length" : "stop"))
                let bits = try #require(first["taper"]?["bits"]?.array).map(\.double)
                #expect(bits.count == expected.tokens.count)
                // The first token comes of the prompt, every other of a step.
                #expect(bits.first == expected.prefill.bits)
                #expect(bits.dropFirst().elementsEqual(expected.precisions.prefix(bits.count - 1).map(\.bits)))
                let usage = try #require(response["usage"])
                // Either may have read the prompt's beginning for an answer before.
                #expect(
                    usage["prompt_tokens"]?.integer == expected.promptTokenCount + expected.reusedPromptTokenCount)
                #expect(usage["completion_tokens"]?.integer == expected.tokens.count)
                let taper = try #require(usage["taper"])
                #expect(taper["average_bits"]?.double == expected.averageBits)
                #expect(taper["prefill_bits"]?.double == expected.prefill.bits)
                #expect(taper["schedule"]?.string == expected.schedule.name)
                #expect(
                    taper["switch_points"]?.string
                        == expected.switchPoints.map(\.description).joined(separator: ","))

                let stream = try await server.post(
                    "/v1/chat/completions", body + #","stream":true,"stream_options":{"include_usage":true}}"#)
                #expect(stream.headers["content-type"] == "text/event-stream; charset=utf-8")
                let events = try stream.events()
                let choices = events.compactMap { $0["choices"]?.array?.first }
                #expect(choices.first?["delta"]?["role"]?.string == "assistant")
                #expect(choices.compactMap { $0["delta"]?["content"]?.string }.joined() == expected.text)
                #expect(choices.compactMap { $0["taper"]?["token"]?.integer } == expected.tokens)
                let streamed = choices.compactMap {
                    $0["taper"]?["token"]?.integer == nil ? nil : $0["taper"]?["bits"]?.double
                }
                #expect(streamed == bits.compactMap { $0 })
                #expect(choices.last?["finish_reason"]?.string == (expected.end == .length ? "length" : "stop"))
                #expect(events.last?["usage"]?["completion_tokens"]?.integer == expected.tokens.count)
                #expect(events.last?["choices"]?.array?.isEmpty == true)
            }
        }
    }

    @Test func aCompletionIsWhatTheLibraryAnswers() async throws {
        let model = try Self.model()
        let expected = try await model.answer(
            .text("In the beginning"), options: .init(maxTokens: 16, sampling: .greedy))
        try await TestServer.with { server in
            let tokens = try model.tokenizer.encode("In the beginning", addsSpecial: true)
            let list = JSONValue.array(tokens.map { .integer($0) }).text()
            for prompt in ["\"In the beginning\"", "[\"In the beginning\"]", list, "[\(list)]"] {
                let response = try await server.post(
                    "/v1/completions", #"{"model":"0.1.0-tiny","temperature":0,"prompt":"# + prompt + "}")
                #expect(try response.json["choices"]?.array?.first?["text"]?.string == expected.text, "\(prompt)")
            }
            let two = try await server.post(
                "/v1/completions", #"{"temperature":0,"n":2,"prompt":["In the beginning","And God"]}"#
            ).json
            let texts = try #require(two["choices"]?.array).map { $0["text"]?.string }
            #expect(texts.count == 4 && texts[0] == expected.text && texts[1] == expected.text)
            #expect(texts[2] == texts[3])
            let read = try expected.promptTokenCount + model.tokenizer.encode("And God", addsSpecial: true).count
            #expect(two["usage"]?["prompt_tokens"]?.integer == read)
        }
    }

    @Test func choicesDrawBySeedsThatFollowEachOther() async throws {
        let model = try Self.model()
        var texts: [String] = []
        for seed in 7...9 as ClosedRange<UInt64> {
            var sampling = Self.sampling
            sampling.seed = seed
            texts.append(
                try await model.answer("Who was Noah?", options: .init(maxTokens: 24, sampling: sampling)).text)
        }
        try await TestServer.with { server in
            let response = try await server.post(
                "/v1/chat/completions", chat("Who was Noah?", Self.sampled + #","n":3"#)
            ).json
            #expect(response["choices"]?.array?.map { $0["message"]?["content"]?.string } == texts)
            let events = try await server.post(
                "/v1/chat/completions", chat("Who was Noah?", Self.sampled + #","n":3,"stream":true"#)
            ).events()
            for (index, text) in texts.enumerated() {
                let own = events.compactMap { $0["choices"]?.array?.first }.filter { $0["index"]?.integer == index }
                #expect(own.compactMap { $0["delta"]?["content"]?.string }.joined() == text)
                #expect(own.last?["finish_reason"]?.string != nil)
            }
        }
    }

    @Test func answersOfDifferentPrecisionsAtOnceAreAsTheyAreAlone() async throws {
        let prompts = ["Who was Noah?", "Who was Adam?", "Hi", "Tell me of the ark and of all the beasts in it."]
        let bodies = (0..<12).map { index in
            chat(
                prompts[index % prompts.count],
                #","temperature":0.7,"max_tokens":20,"seed":\#(index),"precision":{"bits":\#([2, 3, 3.5, 4][index % 4])}"#
            )
        }
        try await TestServer.with {
            $0.answersAtOnce = 5
        } _: { server in
            var alone: [String] = []
            for body in bodies { alone.append(try Self.text(try await server.post("/v1/chat/completions", body))) }
            let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for (index, body) in bodies.enumerated() {
                    group.addTask { (index, try Self.text(try await server.post("/v1/chat/completions", body))) }
                }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            for (index, text) in alone.enumerated() { #expect(together[index] == text, "\(bodies[index])") }
            #expect(Set(alone).count > 4)
        }
    }

    private static func text(_ response: RawResponse) throws -> String {
        try #require(try response.json["choices"]?.array?.first?["message"]?["content"]?.string)
    }

    /// Bytes of a character that come as tokens of their own: no chunk holds a part of one.
    @Test func charactersAreNeverCut() async throws {
        let model = try Self.model()
        let text = "𝄞é漢"
        let tokens = try model.tokenizer.encode(text)
        try #require(tokens.count > text.count, "the tokenizer would have to spell it in bytes")
        let bias = Set(tokens).map { "\"\($0)\":100" }.joined(separator: ",")
        let body = chat("Hi", #","temperature":2,"seed":3,"max_tokens":60,"logit_bias":{\#(bias)}"#)
        try await TestServer.with { server in
            let whole = try await server.post("/v1/chat/completions", body)
            let events = try await server.post(
                "/v1/chat/completions", String(body.dropLast()) + #","stream":true}"#
            ).events()
            let choices = events.compactMap { $0["choices"]?.array?.first }
            let drawn = choices.compactMap { $0["taper"]?["token"]?.integer }
            let pieces = choices.compactMap { $0["delta"]?["content"]?.string }
            let answered = try Self.text(whole)
            #expect(Set(drawn).count > 1 && pieces.joined() == answered)
            #expect(pieces.joined() == model.tokenizer.decode(drawn))
            #expect(pieces.contains("") && pieces.contains { $0.unicodeScalars.contains { $0.value > 127 } })
        }
    }

    @Test func stopTextsEndAnswers() async throws {
        try await TestServer.with { server in
            let body = chat("Who was Noah?", #","temperature":0,"max_tokens":24"#)
            let full = try Self.text(try await server.post("/v1/chat/completions", body))
            let stop = String(full.dropFirst(6).prefix(3))
            let cut = try #require(full.range(of: stop)?.lowerBound)
            for value in [JSONValue.string(stop), .array([.string("never"), .string(stop)])] {
                let response = try await server.post(
                    "/v1/chat/completions", String(body.dropLast()) + #","stop":\#(value.text())}"#)
                #expect(try Self.text(response) == String(full[..<cut]))
                #expect(try response.json["choices"]?.array?.first?["finish_reason"]?.string == "stop")
            }
        }
    }
}
