internal import Chat
internal import Decoding
internal import Model
internal import Runtime
internal import Storage
internal import Synchronization
internal import Text

/// What somebody asked of a model.
struct Request: Sendable {
    typealias Continuation = AsyncThrowingStream<AnswerEvent, any Error>.Continuation

    let prompt: Prompt
    let options: AnswerOptions
    /// Somebody reads along.
    let isStreamed: Bool
    /// Of a conversation, whose message the prompt is.
    var seat: Seat?
}

/// A request that is on its way to the worker, its prompt as tokens already; a conversation's, which depend on what it has
/// read, are made there.
struct Arrival: Sendable {
    let request: Request
    let continuation: Request.Continuation
    let outcome: AnswerOutcome
    let tokens: [Int]
}

/// Requests on their way to the worker, first come first.
final class Inbox: Sendable {
    private let arrivals = Mutex<[Arrival]>([])

    func append(_ arrival: Arrival) { arrivals.withLock { $0.append(arrival) } }

    /// All of them, which then are there no longer.
    func takeAll() -> [Arrival] {
        arrivals.withLock {
            let all = $0
            if !all.isEmpty { $0 = [] }
            return all
        }
    }

    var isEmpty: Bool { arrivals.withLock { $0.isEmpty } }
}

/// A request that makes sense, and waits for its place.
struct Candidate {
    let request: Request
    let continuation: Request.Continuation
    let outcome: AnswerOutcome
    let choice: ScheduleChoice
    let ends: AnswerEnds
    let settings: SamplerSettings
    let json: JSONConstraint?
    let speculation: Speculation?
    let template: ChatTemplate?
    /// What is to be read.
    let prompt: [Int]
    /// A conversation's own; nil: any sequence will do.
    let sequence: TokenSequence?

    /// - Throws: what is wrong with the request.
    init(_ arrival: Arrival, on worker: isolated Worker) throws(ModuleError) {
        request = arrival.request
        continuation = arrival.continuation
        outcome = arrival.outcome
        let (options, model) = (request.options, worker.engine.config)
        if let limit = options.maxTokens, limit < 0 {
            throw ModuleError(
                .usage, "an answer cannot have fewer than no tokens", at: "maxTokens", expected: "0 or more, or nil",
                found: String(limit))
        }
        if let count = options.logProbabilities, !(0...20).contains(count) {
            throw ModuleError(
                .usage, "an impossible number of alternatives", at: "logProbabilities", expected: "0 to 20, or nil",
                found: String(count))
        }
        choice = try worker.choice(options)
        let scheduler = choice.scheduler
        speculation = try options.draft.map { draft throws(ModuleError) in
            try worker.engine.weights.speculation(draftBits: draft.inner, for: scheduler)
        }
        template = request.prompt.isChat ? worker.template : nil
        ends = AnswerEnds(model, worker.tokenizer, template)
        settings = options.sampling.settings(forbidding: options.ignoresEnd ? ends.tokens : [])
        try settings.validate(vocabularySize: model.vocabularySize)
        json = try worker.constraint(options.format)
        if let seat = request.seat {
            let (own, rest) = try seat.ask(request.prompt, maxNewTokens: options.maxTokens ?? -1, on: worker)
            (sequence, prompt) = (own, rest)
            try worker.engine.check(rest, continuing: own)
        } else {
            (sequence, prompt) = (nil, arrival.tokens)
            try worker.engine.check(prompt)
        }
    }
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
