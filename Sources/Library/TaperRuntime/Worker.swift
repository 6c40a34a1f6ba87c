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
    let template: ChatTemplate?
    let bundle: Bundle
    let engine: Engine
    private let batch: DecodeBatch<ScheduledPlan>
    private var turns: [Turn] = []
    private var isRunning = false
    /// Schedules of the bundle that were asked for.
    private var knownChoices: [PrecisionChoice: [Model.Precision?: ScheduleChoice]] = [:]
    private nonisolated let queue = WorkerQueue()

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Tokens of a prompt that are read before others go on and a cancellation is noticed: as many as still read the weights at
    /// full speed.
    private static let prefillChunk = 256
    /// A turn of the loop may last so long before new requests are looked at.
    private static let secondsBetweenRequests = 0.002

    init(path: String, options: LanguageModel.Options) throws(ModuleError) {
        let bundle = try Bundle(path: path, copying: options.copiesFile)
        if options.locksMemory { _ = bundle.lockInMemory() }
        tokenizer = try Text.Tokenizer(compact: try bundle.tokenizer(), place: path + " (tokenizer)")
        template = try bundle.json(SectionName.chat).map { json throws(ModuleError) in
            try ChatTemplate(json: json, place: path + " (chat)")
        }
        let pool = try ThreadPool(threadCount: options.threads ?? processorCount())
        let engine = try Engine(
            try TransformerWeights(bundle),
            contextLength: options.contextLength ?? min(bundle.manifest.model.contextLength, 4096), pool: pool)
        facts = try LanguageModel.Facts(bundle, engine, template)
        self.bundle = bundle
        self.engine = engine
        batch = DecodeBatch(engine, places: options.answersAtOnce, prefillChunk: Worker.prefillChunk)
    }

    /// The stream of a request that is on its way.
    nonisolated func stream(_ request: Request) -> AnswerStream {
        let (events, continuation) = AsyncThrowingStream<AnswerEvent, any Error>.makeStream()
        let outcome = AnswerOutcome()
        continuation.onTermination = { if case .cancelled = $0 { outcome.cancel() } }
        Task { await begin(request, continuation, outcome) }
        return AnswerStream(events: events, outcome: outcome)
    }

    private func begin(
        _ request: Request, _ continuation: AsyncThrowingStream<AnswerEvent, any Error>.Continuation,
        _ outcome: AnswerOutcome
    ) {
        do throws(TaperError) {
            if request.seat?.isAnswering == true { throw Seat.busy }
            let turn = try translated { () throws(ModuleError) in
                let turn = try Turn(request, try choice(request.options), continuation, outcome, on: self)
                try batch.admit(turn.generation)
                return turn
            }
            request.seat?.isAnswering = true
            turns.append(turn)
        } catch {
            return continuation.finish(throwing: error)
        }
        guard !isRunning else { return }
        isRunning = true
        Task { await run() }
    }

    /// Ticks until nothing is left to do.
    private func run() async {
        while !batch.isEmpty {
            let start = monotonicSeconds()
            repeat {
                for turn in turns where turn.outcome.isCancelled { batch.cancel(turn.generation) }
                // What goes wrong with a generation is its own failure.
                do throws(ModuleError) { try batch.tick { take($0) } } catch {}
                finishEnded()
            } while !batch.isEmpty && monotonicSeconds() - start < Worker.secondsBetweenRequests
            await Task.yield()
        }
        isRunning = false
    }

    private func take(_ generation: Generation<ScheduledPlan>) -> Bool {
        guard let turn = turns.first(where: { $0.generation === generation }) else { return false }
        return turn.take()
    }

    private func finishEnded() {
        guard turns.contains(where: { $0.generation.stopReason != nil }) else { return }
        for turn in turns where turn.generation.stopReason != nil { turn.finish(engine.weights) }
        turns.removeAll { $0.generation.stopReason != nil }
    }

    private func choice(_ options: AnswerOptions) throws(ModuleError) -> ScheduleChoice {
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
