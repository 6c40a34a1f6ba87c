internal import Chat
internal import Decoding
internal import Model
internal import Runtime
internal import Storage
internal import Text

/// An answer at work: a generation, the text that comes of it, and who waits for that.
final class Turn {
    let generation: Generation<ScheduledPlan>
    let outcome: AnswerOutcome
    private let request: Request
    private let choice: ScheduleChoice
    private let continuation: Request.Continuation
    private var text: AnswerText
    /// All that was handed out.
    private var answer = ""
    private var bitSum = 0.0
    /// Positions that its sequence held before.
    let reusedCount: Int

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
        generation = Generation(
            sequence, plan: ScheduledPlan(choice.scheduler, sampler: sampler, maxNewTokens: options.maxTokens ?? -1),
            prompt: candidate.prompt, limit: options.maxTokens ?? sequence.capacity,
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
        continuation.yield(.finished(Answer(result, text: answer, end: end, choice: choice, reused: reusedCount)))
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
