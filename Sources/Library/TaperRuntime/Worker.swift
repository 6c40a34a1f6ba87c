internal import Bundle
internal import Chat
internal import Decoding
internal import Dispatch
internal import Kernels
internal import Model
internal import Runtime
internal import Storage
internal import Text

/// Runs a model's answers on a thread of its own: tasks of the caller's never wait for a computation.
///
/// Everything that is not safe to share lives here and is touched by nobody else.
actor Worker {
    nonisolated let facts: LanguageModel.Facts
    nonisolated let tokenizer: Text.Tokenizer
    nonisolated let template: ChatTemplate?
    nonisolated let tally: Tally
    private nonisolated let inbox = Inbox()
    /// Where prompts become tokens, in the order in which they came: long ones would keep others' answers waiting.
    private nonisolated let prompts = DispatchQueue(label: "taper.prompts")
    let bundle: Bundle
    let engine: Engine
    private let batch: DecodeBatch<AnswerPlan>
    private var cache: PrefixCache
    /// nil until an answer in JSON was asked for.
    var jsonVocabulary: JSONVocabulary?
    /// First come first.
    private var waiting: [Candidate] = []
    private var turns: [Turn] = []
    private var isRunning = false
    /// Schedules of the bundle that were asked for.
    private var knownChoices: [PrecisionChoice: [Model.Precision?: ScheduleChoice]] = [:]
    private nonisolated let queue = WorkerQueue()

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Tokens of prompts that are read before others go on and a cancellation is noticed: as many as still read the weights at
    /// full speed.
    private static let prefillBudget = 256
    /// The loop holds the actor so long at most; giving it away and getting it back takes as long as a part of a token. New
    /// requests are looked at with every token.
    private static let secondsBetweenPauses = 0.02

    init(_ bundle: sending Bundle, options: LanguageModel.Options) throws(ModuleError) {
        let path = bundle.path
        if options.locksMemory { _ = bundle.lockInMemory() }
        tokenizer = try Text.Tokenizer(compact: try bundle.tokenizer(), place: path + " (tokenizer)")
        template = try bundle.json(SectionName.chat).map { json throws(ModuleError) in
            try ChatTemplate(json: json, place: path + " (chat)")
        }
        let pool = try ThreadPool(threadCount: options.threads ?? readingThreadCount())
        let engine = try Engine(
            options.readsWholeHead
                ? try TransformerWeights(bundle, headScreens: []) : try TransformerWeights(bundle),
            contextLength: options.contextLength ?? min(bundle.manifest.model.contextLength, 4096), pool: pool,
            verification: Verification(rawValue: options.verification.rawValue) ?? .lazy,
            cacheBits: options.cacheBits)
        facts = try LanguageModel.Facts(bundle, engine, template)
        self.bundle = bundle
        self.engine = engine
        batch = DecodeBatch(engine, places: options.answersAtOnce, prefillBudget: Worker.prefillBudget)
        cache = PrefixCache(limit: options.cachedTokens ?? engine.contextLength)
        tally = Tally(answersAtOnce: options.answersAtOnce, waitingLimit: options.waitingLimit)
    }

    // MARK: Requests

    /// The stream of a request that is on its way.
    nonisolated func stream(_ request: Request) -> AnswerStream {
        guard tally.enter(1) else {
            let (events, continuation) = AsyncThrowingStream<AnswerEvent, any Error>.makeStream()
            continuation.finish(throwing: Worker.crowded)
            return AnswerStream(events: events, outcome: AnswerOutcome())
        }
        return admitted(request)
    }

    /// The streams of requests that get in together.
    /// - Throws: `busy` where not all of them have room.
    nonisolated func streams(_ requests: [Request]) throws(TaperError) -> [AnswerStream] {
        guard tally.enter(requests.count) else { throw Worker.crowded }
        return requests.map { admitted($0) }
    }

    private nonisolated func admitted(_ request: Request) -> AnswerStream {
        let (events, continuation) = AsyncThrowingStream<AnswerEvent, any Error>.makeStream()
        let outcome = AnswerOutcome()
        let stream = AnswerStream(events: events, outcome: outcome)
        continuation.onTermination = { if case .cancelled = $0 { outcome.cancel() } }
        prompts.async { [self] in
            do throws(TaperError) {
                let tokens =
                    request.seat != nil
                    ? []
                    : try translated { () throws(ModuleError) in
                        try request.tokens(
                            request.prompt.isChat ? template : nil,
                            room: room(request.options, capacity: facts.contextLength), tokenizer)
                    }
                inbox.append(
                    Arrival(request: request, continuation: continuation, outcome: outcome, tokens: tokens))
                Task { await wake() }
            } catch {
                tally.leave(began: false)
                continuation.finish(throwing: error)
            }
        }
        return stream
    }

    private static var crowded: TaperError {
        TaperError(
            .busy, "too many requests are waiting", at: "waitingLimit",
            remedy: "Ask again later, or open the model with a larger waitingLimit")
    }

    /// Looks at requests that have come: those that make no sense hear of it at once.
    private func receive() {
        for arrival in inbox.takeAll() {
            do throws(TaperError) {
                if arrival.request.seat?.isAnswering == true { throw Seat.busy }
                waiting.append(
                    try translated { () throws(ModuleError) in try Candidate(arrival, on: self) })
                arrival.request.seat?.isAnswering = true
            } catch {
                tally.leave(began: false)
                arrival.continuation.finish(throwing: error)
            }
        }
    }

    /// Gives places to those who wait, first come first served. Whose prompt somebody is reading already keeps his until it is
    /// read, and goes on from there.
    private func givePlaces() {
        // Looked at once: whoever is cancelled in between would leave the queue without an end.
        let all = waiting
        waiting = []
        for candidate in all {
            if candidate.outcome.isCancelled { begin(candidate) } else { waiting.append(candidate) }
        }
        var held = 0
        while held < waiting.count, turns.count + held < batch.places {
            let next = waiting[held]
            let isShared = next.sequence == nil
            if isShared, cache.isBeingRead(next.prompt, bits: next.choice.scheduler.prefillBits, among: turns) {
                held += 1
            } else {
                begin(waiting.remove(at: held))
            }
        }
    }

    private func begin(_ candidate: Candidate) {
        do throws(TaperError) {
            let turn = try translated { () throws(ModuleError) in
                let turn = Turn(candidate, in: try sequence(for: candidate), on: self)
                if candidate.outcome.isCancelled {
                    batch.cancel(turn.generation)
                } else {
                    try batch.admit(turn.generation)
                }
                return turn
            }
            tally.begin(reusedPromptTokens: turn.reusedCount)
            turns.append(turn)
        } catch {
            candidate.request.seat?.isAnswering = false
            tally.leave(began: false)
            candidate.continuation.finish(throwing: error)
        }
    }

    private func sequence(for candidate: Candidate) throws(ModuleError) -> TokenSequence {
        if let own = candidate.sequence { return own }
        return try cache.sequence(
            for: candidate.prompt, bits: candidate.choice.scheduler.prefillBits, among: turns, engine)
    }

    // MARK: The loop

    private func wake() async {
        guard !isRunning else { return }
        isRunning = true
        await run()
    }

    /// Ticks until nothing is left to do.
    private func run() async {
        repeat {
            let start = monotonicSeconds()
            repeat { tick() } while !turns.isEmpty && monotonicSeconds() - start < Worker.secondsBetweenPauses
            await Task.yield()
        } while !(turns.isEmpty && waiting.isEmpty && inbox.isEmpty)
        isRunning = false
    }

    private func tick() {
        // What follows may take a while.
        if !inbox.isEmpty || turns.contains(where: { !$0.generation.isDecoding }) {
            for turn in turns { turn.tell() }
        }
        receive()
        givePlaces()
        for turn in turns where turn.outcome.isCancelled { batch.cancel(turn.generation) }
        let promptTokens = turns.reduce(0) { $0 - $1.generation.readCount }
        var newTokens = 0
        // What goes wrong with a generation is its own failure.
        do throws(ModuleError) {
            try batch.tick {
                newTokens += 1
                return take($0)
            }
        } catch {}
        tally.add(
            promptTokens: turns.reduce(promptTokens) { $0 + $1.generation.readCount }, newTokens: newTokens)
        finishEnded()
    }

    private func take(_ generation: Generation<AnswerPlan>) -> Bool {
        guard let turn = turns.first(where: { $0.generation === generation }) else { return false }
        return turn.take()
    }

    private func finishEnded() {
        guard turns.contains(where: { $0.generation.stopReason != nil }) else { return }
        let ended = turns.filter { $0.generation.stopReason != nil }
        turns.removeAll { $0.generation.stopReason != nil }
        for turn in ended where turn.isShared && turn.generation.failure == nil {
            cache.keep(turn.generation.sequence, turn.alikeTokens, bits: turn.generation.plan.prefillBits, engine)
        }
        tally.set(cachedTokens: cache.tokenCount)
        for turn in ended {
            // Whoever reads the end finds a free place.
            tally.leave(began: true)
            turn.finish(engine)
        }
    }

    func choice(_ options: AnswerOptions) throws(ModuleError) -> ScheduleChoice {
        let prefill = options.prefill?.inner
        if let known = knownChoices[options.precision]?[prefill] { return known }
        let choice = try ScheduleChoice(
            options.precision.request, of: bundle, prefill: prefill, place: field("precision"))
        if options.precision.isNamed { knownChoices[options.precision, default: [:]][prefill] = choice }
        return choice
    }

    // MARK: Conversations

    func messages(of seat: Seat) -> [Message] {
        guard let conversation = seat.conversation else {
            return seat.system.map { [Message(.system, $0)] } ?? []
        }
        var messages = conversation.messages.map { Message(Message.Role(rawValue: $0.role) ?? .user, $0.content) }
        // Its reply never began; the next message takes its place.
        if !seat.isAnswering, messages.last?.role == .user { messages.removeLast() }
        return messages
    }

    func clear(_ seat: Seat) throws(TaperError) {
        if seat.isAnswering { throw Seat.busy }
        seat.conversation?.clear()
        seat.sampler = nil
    }
}

/// The thread of a worker.
private final class WorkerQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "taper.model")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
