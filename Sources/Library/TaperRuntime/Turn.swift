internal import Chat
internal import Decoding
internal import Model
internal import Runtime
internal import Storage
internal import Text

/// What somebody asked of a model.
struct Request: Sendable {
    let prompt: Prompt
    let options: AnswerOptions
    /// Somebody reads along.
    let isStreamed: Bool
    /// Of a conversation, whose message the prompt is.
    var seat: Seat?
}

/// A conversation's state: only the model's worker touches what changes in it.
final class Seat: @unchecked Sendable {
    let system: String?
    let dropsOldest: Bool
    /// nil until the first message.
    var conversation: Chat.Conversation?
    var isAnswering = false
    /// Of the last reply, with the settings that it drew by.
    var sampler: (settings: Sampling, sampler: Sampler)?

    init(system: String?, dropsOldest: Bool) {
        self.system = system
        self.dropsOldest = dropsOldest
    }

    static var busy: TaperError {
        TaperError(
            .busy, "the conversation is still answering", at: "conversation",
            remedy: "Read the reply to its end, or cancel it")
    }
}

/// An answer at work: a generation, the text that comes of it, and who waits for that.
final class Turn {
    typealias Continuation = AsyncThrowingStream<AnswerEvent, any Error>.Continuation

    let generation: Generation<ScheduledPlan>
    let outcome: AnswerOutcome
    private let request: Request
    private let choice: ScheduleChoice
    private let continuation: Continuation
    private var text: AnswerText
    /// All that was handed out.
    private var answer = ""
    private var bitSum = 0.0

    init(
        _ request: Request, _ choice: ScheduleChoice, _ continuation: Continuation, _ outcome: AnswerOutcome,
        on worker: isolated Worker
    ) throws(ModuleError) {
        let (options, tokenizer) = (request.options, worker.tokenizer)
        if let limit = options.maxTokens, limit < 0 {
            throw ModuleError(
                .usage, "an answer cannot have fewer than no tokens", at: "maxTokens", expected: "0 or more, or nil",
                found: String(limit))
        }
        let maxNewTokens = options.maxTokens ?? -1
        let model = worker.engine.config
        let template = request.prompt.isChat ? worker.template : nil
        let ends = AnswerEnds(model, tokenizer, template)
        let settings = options.sampling.settings(forbidding: options.ignoresEnd ? ends.tokens : [])
        try settings.validate(vocabularySize: model.vocabularySize)

        let (sequence, prompt): (TokenSequence, [Int])
        if let seat = request.seat {
            (sequence, prompt) = try seat.ask(request.prompt, maxNewTokens: maxNewTokens, on: worker)
        } else {
            sequence = try worker.engine.makeSequence()
            prompt = try request.tokens(template, room: worker.room(options, capacity: sequence.capacity), tokenizer)
        }
        var sampler = Sampler(settings)
        if let last = request.seat?.sampler, last.settings == options.sampling { sampler = last.sampler }
        sampler.observe(prompt)

        self.request = request
        self.choice = choice
        self.continuation = continuation
        self.outcome = outcome
        text = AnswerText(
            tokenizer, stops: .init(options.stops, known: options.ignoresEnd ? [] : ends.texts, tokenizer),
            atStart: template != nil, isStreamed: request.isStreamed)
        generation = Generation(
            sequence, plan: ScheduledPlan(choice.scheduler, sampler: sampler, maxNewTokens: maxNewTokens),
            prompt: prompt, limit: options.maxTokens ?? sequence.capacity,
            stopTokens: options.ignoresEnd ? [] : ends.tokens)
    }

    /// Takes the newest token; returns whether to go on.
    func take() -> Bool {
        let token = generation.tokens[generation.tokens.count - 1]
        let bits = generation.bitsPerStep.last ?? choice.scheduler.prefillBits
        if !generation.bitsPerStep.isEmpty { bitSum += bits.bits }
        var part = ""
        text.append(token, bits: bits) { written, _ in part += written }
        hand(part, token, bits)
        return !text.hasEnded && !outcome.isCancelled
    }

    private func hand(_ part: String, _ token: Int?, _ bits: Model.Precision) {
        answer += part
        guard request.isStreamed else { return }
        let steps = generation.bitsPerStep.count
        continuation.yield(
            .piece(
                AnswerPiece(
                    text: part, token: token, precision: Precision(bits),
                    averageBits: steps == 0 ? bits.bits : bitSum / Double(steps))))
    }

    /// The generation is at its end: so are the text, the conversation's turn and the stream.
    func finish(_ weights: TransformerWeights) {
        var rest = ""
        text.finish { written, _ in rest += written }
        if !rest.isEmpty { hand(rest, nil, generation.bitsPerStep.last ?? choice.scheduler.prefillBits) }
        if let seat = request.seat {
            seat.isAnswering = false
            seat.sampler = (request.options.sampling, generation.plan.sampler)
            // Before its first token a turn leaves no trace.
            if generation.failure == nil, !generation.tokens.isEmpty || generation.stopReason != .caller {
                seat.conversation?.answered(answer, tokens: generation.tokens)
            }
        }
        if let failure = generation.failure { return continuation.finish(throwing: TaperError(failure)) }
        let result = GenerationResult(generation, weights)
        continuation.yield(.finished(Answer(result, text: answer, end: end, choice: choice)))
        continuation.finish()
    }

    private var end: Answer.End {
        switch generation.stopReason {
        case .endOfSequence: .model
        case .contextFull: .contextFull
        case .caller: text.hasEnded ? .stopText : .cancelled
        case .length, .failed, nil: .length
        }
    }
}
