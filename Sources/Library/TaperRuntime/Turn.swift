internal import Chat
internal import Decoding
internal import Model
internal import Runtime
internal import Storage
internal import Text

/// An answer at work: a generation, the text that comes of it, and who waits for that.
final class Turn {
    let generation: Generation<AnswerPlan>
    let outcome: AnswerOutcome
    private let request: Request
    private let choice: ScheduleChoice
    private let continuation: Request.Continuation
    private var text: AnswerText
    /// All that was handed out.
    private var answer = ""
    private var bitSum = 0.0
    private var logProbabilities: [TokenLogProbability] = []
    /// Pieces that nobody was told of yet, and when somebody last was.
    private var held: [AnswerPiece] = []
    private var lastTold = 0.0
    /// A reader that is woken for every token takes time of the processors that compute the next; so he is told this often at most.
    private static let secondsBetweenPieces = 0.01
    /// What went wrong with the answer, where that was no fault of the generation's.
    private var failure: ModuleError?
    /// Positions that its sequence held before.
    let reusedCount: Int
    /// All that the sequence is to hold before the answer; a conversation's holds more.
    let prompt: [Int]

    /// - Parameter sequence: the candidate's own where it has one; holds the start of its prompt.
    init(_ candidate: Candidate, in sequence: TokenSequence, on worker: isolated Worker) {
        request = candidate.request
        choice = candidate.choice
        continuation = candidate.continuation
        outcome = candidate.outcome
        let (options, tokenizer, ends) = (request.options, worker.tokenizer, candidate.ends)
        var sampler = Sampler(candidate.settings)
        if let last = request.seat?.sampler, last.settings == options.sampling { sampler = last.sampler }
        sampler.observe(candidate.prompt)
        text = AnswerText(
            tokenizer, stops: .init(options.stops, known: options.ignoresEnd ? [] : ends.texts, tokenizer),
            atStart: candidate.template != nil, isStreamed: request.isStreamed)
        reusedCount = sequence.position
        prompt = candidate.prompt
        generation = Generation(
            sequence,
            plan: AnswerPlan(
                choice.scheduler,
                sampler: AnswerSampler(sampler, alternatives: options.logProbabilities, json: candidate.json),
                maxNewTokens: options.maxTokens ?? -1, speculation: candidate.speculation),
            prompt: candidate.sequence == nil ? Array(prompt[reusedCount...]) : prompt,
            limit: options.maxTokens ?? sequence.capacity,
            // JSON has an end of its own.
            stopTokens: options.ignoresEnd || candidate.json != nil ? [] : ends.tokens)
    }

    /// Takes the newest token; returns whether to go on.
    func take() -> Bool {
        let token = generation.tokens[generation.tokens.count - 1]
        let bits = generation.bitsPerStep.last ?? choice.scheduler.prefillBits
        if !generation.bitsPerStep.isEmpty { bitSum += bits.bits }
        var part = ""
        text.append(token, bits: bits) { written, _ in part += written }
        let sampler = generation.plan.sampler
        if sampler.json?.isStuck == true {
            failure = ModuleError(
                .usage, "no token is left that a JSON object could go on with", at: "format",
                remedy: "Forbid fewer tokens by logitBias")
            return false
        }
        if let probability = sampler.logProbability { logProbabilities.append(probability) }
        hand(part, token, bits, sampler.logProbability)
        return !text.hasEnded && !isComplete && !outcome.isCancelled
    }

    /// Whether the text is all that was asked for: the model need not say that it is at its end.
    private var isComplete: Bool { generation.plan.sampler.json?.isDone == true }

    private func hand(
        _ part: String, _ token: Int?, _ bits: Model.Precision, _ logProbability: TokenLogProbability? = nil
    ) {
        answer += part
        guard request.isStreamed else { return }
        let steps = generation.bitsPerStep.count
        if !held.isEmpty { held[held.count - 1].isFollowed = true }
        held.append(
            AnswerPiece(
                text: part, token: token, precision: Precision(bits),
                averageBits: steps == 0 ? bits.bits : bitSum / Double(steps),
                logProbability: logProbability))
        if monotonicSeconds() - lastTold >= Turn.secondsBetweenPieces { tell() }
    }

    /// Hands out what is held: also before a step that takes longer than others.
    func tell() {
        guard !held.isEmpty else { return }
        lastTold = monotonicSeconds()
        continuation.yield(.pieces(held))
        held = []
    }

    /// The generation is at its end: so are the text, the conversation's turn and the stream.
    func finish(_ engine: Engine) {
        var rest = ""
        text.finish { written, _ in rest += written }
        if !rest.isEmpty { hand(rest, nil, generation.bitsPerStep.last ?? choice.scheduler.prefillBits) }
        if let seat = request.seat {
            seat.isAnswering = false
            seat.sampler = (request.options.sampling, generation.plan.sampler.drawing)
            // Before its first token a turn leaves no trace.
            if generation.failure == nil, !generation.tokens.isEmpty || generation.stopReason != .caller {
                seat.conversation?.answered(answer, tokens: generation.tokens)
            }
        }
        tell()
        if let failure = failure ?? generation.failure { return continuation.finish(throwing: TaperError(failure)) }
        let result = GenerationResult(
            generation, engine.weights, cacheBytes: { engine.cacheBytes(at: $0) })
        continuation.yield(
            .finished(
                Answer(
                    result, text: answer, end: end, choice: choice, reused: reusedCount,
                    logProbabilities: logProbabilities)))
        continuation.finish()
    }

    private var end: Answer.End {
        switch generation.stopReason {
        case .endOfSequence: .model
        case .contextFull: .contextFull
        case .caller: text.hasEnded ? .stopText : isComplete ? .model : .cancelled
        case .length, .failed, nil: .length
        }
    }

    // MARK: What others can use

    /// Whether nobody else goes on with the sequence when the answer has ended.
    var isShared: Bool { request.seat == nil }

    /// Whether a part of the prompt is still to be read.
    var isReading: Bool { readPrompt.count < prompt.count }

    /// The part of the prompt that the sequence holds.
    var readPrompt: ArraySlice<Int> { prompt[..<min(reusedCount + generation.readCount, prompt.count)] }

    /// The tokens at the sequence's start that were all read at the precision of the prompt.
    var alikeTokens: [Int] {
        guard readPrompt.count == prompt.count else { return Array(readPrompt) }
        let steps = generation.bitsPerStep.prefix(generation.faithfulStepCount)
            .prefix { $0 == generation.plan.prefillBits }.count
        return prompt + generation.tokens.prefix(steps)
    }
}
