/// Messages between somebody and a model. A reply reads only what the model has not read before.
///
/// Conversations of one model go on side by side. One of them gives one reply at a time.
public final class Conversation: Sendable {
    private let seat: Seat
    private let worker: Worker

    init(_ seat: Seat, _ worker: Worker) {
        self.seat = seat
        self.worker = worker
    }

    /// Answers a message, handing out the pieces as they come.
    ///
    /// Draws go on from those of the reply before while the sampling stays the same. A reply that is cancelled stays in the
    /// conversation as far as it came; a message whose reply never began leaves no trace.
    /// The stream throws `invalidData` where the conversation no longer fits the context, which then is as it was before,
    /// and `busy` while another reply is being written.
    public func reply(to message: String, options: AnswerOptions = AnswerOptions()) -> AnswerStream {
        worker.stream(Request(prompt: .message(message), options: options, isStreamed: true, seat: seat))
    }

    /// Answers a message.
    /// - Throws: as the stream of `reply`; `cancelled` in a task that is cancelled.
    public func answer(
        to message: String, options: AnswerOptions = AnswerOptions()
    ) async throws(TaperError) -> Answer {
        try await worker.stream(Request(prompt: .message(message), options: options, isStreamed: false, seat: seat))
            .answer()
    }

    /// All that was said, the system message first; what was dropped to make room is not among it.
    public var messages: [Message] {
        get async { await worker.messages(of: seat) }
    }

    /// Starts over with the same system message.
    /// - Throws: `busy` while a reply is being written.
    public func clear() async throws(TaperError) { try await worker.clear(seat) }
}
