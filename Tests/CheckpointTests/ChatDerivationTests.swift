import Checkpoint
import Foundation
import Storage
import Testing
import Text

/// Declarative forms against the texts that Jinja2 3.1.6 makes of the same templates (`Tests/JinjaTests/Fixtures`).
@Suite struct ChatDerivationTests {
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
    static let fixtures = tests + "/JinjaTests/Fixtures"
    static let expected: Result<JSONValue, any Error> = Result {
        try JSONValue.parse(try Files.read(fixtures + "/expected.json", limit: 1 << 22), place: "expected.json")
    }
    static let names: [String] = ((try? expected.get())?["templates"]?.members ?? []).map(\.key)
    /// They write numbers of rounds, need tools, or are no chat template at all.
    static let withoutForm: Set<String> = ["chatglm-2", "hermes-tools", "language-tour"]

    private func tokenizer() throws -> Tokenizer {
        let path = Self.tests + "/TextTests/Fixtures/gpt2/tokenizer.json"
        return try Tokenizer(
            tokenizerJSON: try JSONValue.parse(try Files.read(path, limit: 1 << 24), place: path), place: path)
    }

    private func sources(_ source: String, bos: String? = nil, eos: String? = nil) throws -> ChatTemplateSources {
        func quoted(_ text: String) -> JSONValue { .string(text) }
        var tokens: [JSONValue.Member] = []
        if let bos { tokens.append(.init("bos_token", .string(bos))) }
        if let eos { tokens.append(.init("eos_token", .string(eos))) }
        return try ChatTemplateSources(
            json: .object([
                .init("schema", .string(ChatTemplateSources.schema)), .init("tokens", .object(tokens)),
                .init(
                    "templates",
                    .array([.object([.init("name", .string("default")), .init("source", .string(source))])])),
            ]), place: "t")
    }

    private func sources(named name: String) throws -> ChatTemplateSources {
        let golden = try #require(try Self.expected.get()["templates"]?[name])
        let bytes = try Files.read(Self.fixtures + "/templates/" + name + ".jinja", limit: 1 << 20)
        let tokens = try #require(golden["tokens"]?.array)
        return try sources(String(decoding: bytes, as: UTF8.self), bos: tokens[0].string, eos: tokens[1].string)
    }

    private func derive(_ sources: ChatTemplateSources, addsBos: Bool = false) throws -> ChatDerivation {
        ChatDerivation(sources, tokenizer: try tokenizer(), addsBos: addsBos, place: "t")
    }

    private func fingerprint(_ text: String) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(value, radix: 16)
        return "\(text.utf8.count):" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Conversations of words alone; nil for those with tools, documents, switches or parts.
    private func plain(_ conversation: JSONValue) -> [ChatMessage]? {
        for key in ["tools", "documents", "variables"] where conversation[key] != nil { return nil }
        var messages: [ChatMessage] = []
        for message in conversation["messages"]?.array ?? [] {
            guard let role = message["role"]?.string, let content = message["content"]?.string else { return nil }
            messages.append(ChatMessage(role: role, content: content))
        }
        return messages.isEmpty ? nil : messages
    }

    @Test(arguments: names)
    func formsWriteWhatJinja2WritesOrRefuse(name: String) throws {
        let derivation = try derive(try sources(named: name))
        guard let form = derivation.template else {
            #expect(Self.withoutForm.contains(name) && derivation.warnings.count == 1, "\(derivation.warnings)")
            return
        }
        #expect(!Self.withoutForm.contains(name))
        let json = try Self.expected.get()
        let results = try #require(json["templates"]?[name]?["results"]?.array)
        var equalCount = 0
        for (index, conversation) in try #require(json["conversations"]?.array).enumerated() {
            guard let messages = plain(conversation), let generation = conversation["generation"]?.bool as Bool?,
                let text = try? form.render(messages, addGenerationPrompt: generation)
            else { continue }
            #expect(fingerprint(text) == results[index].string, "conversation \(index): \(printable(text, limit: 300))")
            equalCount += 1
        }
        // The plain ones are never refused.
        let conversations = try #require(json["conversations"]?.array)
        for index in [0, 8, 9, 11] {
            let messages = try #require(plain(conversations[index]))
            let bare = messages.filter { $0.role != "system" }
            #expect(throws: Never.self) { try form.render(bare, addGenerationPrompt: true) }
        }
        #expect(equalCount >= 5)
        #expect(!form.stops.isEmpty)
        #expect(try ChatTemplate(json: form.json, place: "t") == form)
    }

    @Test(arguments: [
        ("llama-3.1", ["<|eot_id|>"]), ("phi-3", ["<|end|>"]), ("tulu-3", ["</s>"]), ("mistral-v0.3", ["</s>"]),
        ("gemma-3", ["<end_of_turn>"]), ("qwen-3", ["<|im_end|>"]), ("alpaca-default", ["\n\n### Instruction:"]),
        ("exaone", ["[|endofturn|]"]), ("deepseek-coder", ["<|EOT|>"]),
    ])
    func stopsAreWhatEndsAnAnswer(name: String, stops: [String]) throws {
        #expect(try derive(try sources(named: name)).template?.stops == stops)
    }

    /// Bundles of these models keep the bytes they had.
    @Test func commonFormatsKeepTheirNameAndSchema() throws {
        let smol = try #require(try derive(try sources(named: "smollm-2")).template)
        #expect(smol.name == "chatml" && smol.json["schema"]?.string == ChatTemplate.framesSchema)
        #expect(
            smol.json["default_system"]?.string
                == "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
        #expect(try derive(try sources(named: "chatml")).template?.name == "chatml")
        #expect(try derive(try sources(named: "stablelm-2")).template?.name == "stablelm-zephyr")
        let think = try #require(try derive(try sources(named: "chatml-think")).template)
        #expect(think.json["schema"]?.string == ChatTemplate.jointsSchema)
    }

    @Test func datesStandStillAndAreNamed() throws {
        let derivation = try derive(try sources(named: "llama-3.2"))
        #expect(derivation.warnings.contains { $0.contains("date") && $0.contains("26 July 2024") })
        let text = try #require(derivation.template).render(
            [ChatMessage(role: "user", content: "x")], addGenerationPrompt: true)
        #expect(text.contains("Today Date: 26 Jul 2024"))
    }

    @Test func textsThatTheTemplateLooksForAreNamedAndRefused() throws {
        let derivation = try derive(try sources(named: "smollm-3"))
        #expect(derivation.warnings.contains { $0.contains("\"/no_think\" (system)") })
        let form = try #require(derivation.template)
        #expect(throws: TaperError(.usage, "")) {
            try form.render(
                [ChatMessage(role: "system", content: "Calm. /no_think"), ChatMessage(role: "user", content: "x")],
                addGenerationPrompt: true)
        }
    }

    @Test func droppedSystemMessagesAreNamed() throws {
        let derivation = try derive(try sources(named: "tulu-2"))
        #expect(derivation.template?.systemPlace == .dropped)
        #expect(derivation.warnings.contains { $0.contains("drops system messages") })
    }

    @Test(arguments: [
        "{{ messages }}", "{% for m in messages %}", "{% include 'x' %}", "{{ raise_exception('no') }}", "",
        "plain text",
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}", "{{ ''.__class__ }}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}<u>{{ m.content }}{% if m.content | length > 30 %}!{% endif %}{% endfor %}",
        "{% for m in messages %}<u>{{ m.content.replace('\n', ' ') }}{% endfor %}",
        "{% for i in range(10**9) %}{% endfor %}",
    ])
    func otherTemplatesGiveAWarningAndNoForm(source: String) throws {
        let derivation = try derive(try sources(source))
        #expect(derivation.template == nil)
        #expect(derivation.warnings.count == 1)
    }

    @Test func aCheckpointWithoutTemplateIsSilent() throws {
        let derivation = try derive(ChatTemplateSources())
        #expect(derivation.template == nil && derivation.warnings.isEmpty)
    }

    @Test func formsChosenByNameAreCompared() throws {
        let tokenizer = try tokenizer()
        func difference(_ name: String, _ template: String) throws -> String? {
            ChatDerivation.difference(
                of: try #require(ChatTemplate.named(name)), from: try sources(named: template), tokenizer: tokenizer,
                addsBos: false, place: "t")
        }
        #expect(try difference("chatml", "chatml") == nil)
        let text = try #require(try difference("zephyr", "phi-3"))
        #expect(text.contains("Hello there") && text.contains("<|end|>") && text.contains("</s>"))
    }

    /// A GGUF is llama.cpp's, which puts the start token first when the file asks for it.
    @Test func startTokensOfGGUFStandInFront() throws {
        let source = "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}{{ '<assistant>' }}"
        #expect(try derive(try sources(source), addsBos: true).template?.addsBos == true)
        #expect(try derive(try sources(source)).template?.addsBos == false)
    }

    // MARK: Cases

    /// Prompt and number of its tokens for the user message "Hello there": Jinja2 3.1.6 in the sandbox and with the options of
    /// transformers; every byte is a token of these checkpoints.
    @Test(arguments: [
        ("chat-phi3", "<|user|>\nHello there<|end|>\n<|assistant|>\n", 17),
        (
            "chat-llama31-system-header",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello there<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            84
        ),
        ("chat-deepseek-coder", "<s>You write code.\n### Instruction:\nHello there\n### Response:\n", 60),
        (
            "chat-chatml-generation-prompt",
            "<|im_start|>user\nHello there<|im_end|>\n<|im_start|>assistant\n<think>\n", 38
        ),
    ])
    func caseCheckpointsGetTheirOwnPrompt(name: String, prompt: String, tokenCount: Int) throws {
        let checkpoint = try Checkpoint.open(Self.tests + "/Cases/" + name)
        let tokenizer = try checkpoint.tokenizer()
        let form = try #require(checkpoint.chatDerivation(tokenizer).template)
        let messages = [ChatMessage(role: "user", content: "Hello there")]
        #expect(try form.render(messages, addGenerationPrompt: true) == prompt)
        #expect(try form.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer).count == tokenCount)
    }
}
