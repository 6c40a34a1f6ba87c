import Chat
import Decoding
import Kernels
import Model
import Runtime
import Storage
import Testing
import Text

@Suite struct ConversationTests {
    private let tiny: TinyBundle
    private let engine: Engine
    private let tokenizer: Tokenizer
    private let template: ChatTemplate

    init() throws {
        tiny = try TalkingBundle.make()
        engine = try Engine(try TransformerWeights(tiny.bundle), contextLength: 200, pool: .make(2))
        tokenizer = try TalkingBundle.tokenizer()
        template = try #require(TalkingBundle.template)
    }

    private func conversation(capacity: Int = 200, dropsOldest: Bool = false) throws -> Conversation {
        Conversation(
            template, tokenizer, system: nil, in: try TokenSequence(engine.config, capacity: capacity),
            room: ContextRoom(
                capacity: capacity, maxNewTokens: 8, dropsOldest: dropsOldest, remedy: "Ask for a longer context"))
    }

    private func answer(_ prompt: [Int], _ sequence: TokenSequence) throws -> GenerationResult {
        var sampler = Sampler(.greedy)
        return try generate(
            engine, sequence, prompt: prompt, maxNewTokens: 8, scheduler: .fixed(.constant(4)), sampler: &sampler,
            stopTokens: AnswerEnds(engine.config, tokenizer, template).tokens
        ) { _, _ in true }
    }

    /// The whole conversation, rendered and read from its first token on.
    private func fromTheStart(_ messages: [ChatMessage]) throws -> (answer: [Int], length: Int) {
        let whole = try template.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer)
        return (try answer(whole, try engine.makeSequence()).tokens, whole.count)
    }

    /// Every answer is that to the whole conversation, of which only what is new is read.
    @Test func aTurnReadsOnlyWhatIsNew() throws {
        let conversation = try conversation()
        for (turn, question) in ["hello", "and then?", "why"].enumerated() {
            let prompt = try conversation.ask(question)
            let (expected, length) = try fromTheStart(conversation.messages)
            let result = try answer(prompt, conversation.sequence)
            #expect(result.tokens == expected)
            #expect(turn == 0 ? prompt.count == length : prompt.count < length)
            conversation.answered(tokenizer.decode(result.tokens, skipSpecial: true), tokens: result.tokens)
            #expect(conversation.messages.count == 2 * turn + 2)
        }
        conversation.clear()
        let prompt = try conversation.ask("hello")
        #expect(try answer(prompt, conversation.sequence).tokens == fromTheStart(conversation.messages).answer)
    }

    @Test func whatDoesNotFitIsRefusedAndForgotten() throws {
        let conversation = try conversation(capacity: 30)
        conversation.answered("no question yet", tokens: [])
        conversation.clear()
        #expect(throws: TaperError(.badData, "")) { try conversation.ask(String(repeating: "x", count: 40)) }
        #expect(conversation.messages.isEmpty)
        do {
            _ = try conversation.ask(String(repeating: "x", count: 40))
        } catch {
            #expect(error.message.contains("Ask for a longer context") && error.message.contains("29"))
        }
        let prompt = try conversation.ask("short")
        #expect(prompt.count < 30)
    }

    /// A message that does not fit takes nothing with it, though the oldest may go.
    @Test func aRefusedMessageDropsNothing() throws {
        let conversation = try conversation(capacity: 60, dropsOldest: true)
        let result = try answer(try conversation.ask("first question"), conversation.sequence)
        conversation.answered("an answer", tokens: result.tokens)
        #expect(throws: TaperError(.badData, "")) { try conversation.ask(String(repeating: "x", count: 70)) }
        #expect(conversation.messages.map(\.content) == ["first question", "an answer"])
    }

    /// Turns whose prompt was read in part, or not at all, as after an interrupt.
    @Test(arguments: [0, 3, 6]) func aQuestionWithoutAnswerLeavesNoTrace(readCount: Int) throws {
        let conversation = try conversation()
        let first = try answer(try conversation.ask("hello"), conversation.sequence)
        conversation.answered(tokenizer.decode(first.tokens, skipSpecial: true), tokens: first.tokens)
        conversation.clear()
        let prompt = try conversation.ask("hexagon")
        if readCount > 0 { try engine.read(Array(prompt.prefix(readCount)), into: conversation.sequence, bits: 2) }
        let again = try conversation.ask("hello")
        #expect(conversation.messages.map(\.content) == ["hello"])
        #expect(try answer(again, conversation.sequence).tokens == fromTheStart(conversation.messages).answer)
    }

    @Test func theOldestTurnsGoFirst() throws {
        let conversation = try conversation(capacity: 60, dropsOldest: true)
        for question in ["first question", "second question", "third question"] {
            let prompt = try conversation.ask(question)
            let (expected, _) = try fromTheStart(conversation.messages)
            let result = try answer(prompt, conversation.sequence)
            #expect(result.tokens.starts(with: expected.prefix(result.tokens.count)))
            conversation.answered("a fixed answer", tokens: result.tokens)
        }
        #expect(conversation.messages.first?.content != "first question")
        #expect(conversation.messages.last?.content == "a fixed answer")
    }

    @Test func endsAreTheModelsTheTokenizersAndTheTemplates() throws {
        let ends = AnswerEnds(engine.config, tokenizer, template)
        #expect(Set(ends.tokens) == [TalkingBundle.eos, 261] && ends.texts.isEmpty)
        var other = template
        other.stops = ["<|end|>", "STOP"]
        var config = engine.config
        config.eosTokens = [7]
        let more = AnswerEnds(config, tokenizer, other)
        #expect(Set(more.tokens) == [7, TalkingBundle.eos, 261] && more.texts == ["STOP"])
        #expect(Set(AnswerEnds(config, tokenizer, nil).tokens) == [7, TalkingBundle.eos])
    }
}
