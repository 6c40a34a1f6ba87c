internal import Synchronization

/// An answer that is being written: its pieces as they come, for one reader; those of a hundredth of a second may come together.
///
/// The model does not wait for its reader. The answer ends within a token when nothing refers to the stream any longer, as after
/// leaving a loop over it, and when the task that reads it is cancelled, where the loop throws `cancelled`.
public struct AnswerStream: AsyncSequence, Sendable {
    public typealias Element = AnswerPiece
    public typealias Failure = TaperError

    let events: AsyncThrowingStream<AnswerEvent, any Error>
    let outcome: AnswerOutcome

    public func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator(), outcome: outcome) }

    public struct Iterator: AsyncIteratorProtocol {
        var events: AsyncThrowingStream<AnswerEvent, any Error>.Iterator
        let outcome: AnswerOutcome

        public mutating func next() async throws(TaperError) -> AnswerPiece? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(TaperError) -> AnswerPiece? {
            // Pieces that are written already would come first, and a reader slower than the model never hear of it.
            guard !Task.isCancelled else {
                outcome.cancel()
                throw TaperError(.cancelled, "the task was cancelled")
            }
            if let piece = outcome.nextPiece() { return piece }
            do {
                switch try await events.next(isolation: actor) {
                case .pieces(let pieces):
                    outcome.keep(pieces)
                    return outcome.nextPiece()
                case .finished(let answer):
                    outcome.set(answer)
                    return nil
                case nil: break
                }
            } catch {
                throw error as? TaperError ?? TaperError(.internalFault, "\(error)")
            }
            // A stream that ends without an answer was left by its own task.
            guard outcome.answer != nil else { throw TaperError(.cancelled, "the task was cancelled") }
            return nil
        }
    }

    /// The whole answer: reads what is left of the stream, also after a loop over it.
    /// - Throws: `cancelled` in a task that is cancelled.
    public func answer() async throws(TaperError) -> Answer {
        var rest = makeAsyncIterator()
        while outcome.answer == nil { _ = try await rest.next() }
        guard let answer = outcome.answer else { throw TaperError(.cancelled, "the task was cancelled") }
        return answer
    }

    /// Ends the answer within a token; the stream ends as if the model had ended it, and the answer says `cancelled`.
    public func cancel() { outcome.cancel() }
}

enum AnswerEvent: Sendable {
    /// At least one.
    case pieces([AnswerPiece])
    case finished(Answer)
}

/// What a stream and the model's worker tell each other beside the events.
final class AnswerOutcome: Sendable {
    private let finished = Mutex<Answer?>(nil)
    private let wantsEnd = Atomic<Bool>(false)
    /// Pieces that came together, of which the reader has had the first.
    private let pieces = Mutex<ArraySlice<AnswerPiece>>([])

    func keep(_ more: [AnswerPiece]) { pieces.withLock { $0 = more[...] } }
    func nextPiece() -> AnswerPiece? { pieces.withLock { $0.popFirst() } }

    var answer: Answer? { finished.withLock { $0 } }
    func set(_ answer: Answer) { finished.withLock { $0 = answer } }

    /// Whether nobody wants more of the answer.
    var isCancelled: Bool { wantsEnd.load(ordering: .relaxed) }
    func cancel() { wantsEnd.store(true, ordering: .relaxed) }
}
