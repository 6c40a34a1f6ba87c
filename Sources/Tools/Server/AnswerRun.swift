internal import HTTPTypes
internal import NIOCore
internal import Synchronization
internal import TaperRuntime

/// The answers to one request while they are written: what comes of all of them, in the order in which it comes.
///
/// They end within a token when the connection does, when their time is over, and when nothing refers to the run.
final class AnswerRun: Sendable {
    /// Something that happened to one of the answers.
    enum Event: Sendable {
        case piece(Int, AnswerPiece)
        case finished(Int, Answer)
    }

    /// Why answers are broken off.
    enum Stop: Sendable {
        case connection(Connection.End)
        case timeout
    }

    let events: AsyncThrowingStream<Event, any Error>
    private let connection: Connection
    private let breaker: Breaker
    private let watch: Int
    private let timer: Scheduled<Void>
    private let seconds: Double

    /// - Parameters:
    ///   - requests: prompts with their options, one for each answer.
    ///   - seconds: that they may take together.
    ///   - eventLoop: keeps that time. A sleeping task would keep its memory for all of it, although it was cancelled.
    /// - Throws: where the model has no room for so many answers.
    init(
        _ requests: [(prompt: Prompt, options: AnswerOptions)], of model: ServedModel, on connection: Connection,
        seconds: Double, eventLoop: any EventLoop
    ) throws(APIError) {
        let streams: [AnswerStream]
        do throws(TaperError) { streams = try model.model.streams(requests) } catch { throw APIError(error) }
        let breaker = Breaker(streams)
        let (events, continuation) = AsyncThrowingStream<Event, any Error>.makeStream()
        Task { await AnswerRun.merge(streams, into: continuation, counting: model) }
        timer = eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) { breaker.stop(.timeout) }
        watch = connection.watch { breaker.stop(.connection($0)) }
        self.events = events
        self.connection = connection
        self.breaker = breaker
        self.seconds = seconds
    }

    deinit {
        timer.cancel()
        connection.unwatch(watch)
        breaker.stop(.connection(.gone))
    }

    /// What to tell a client whose answers were broken off; nil where they were not.
    /// - Throws: `CancellationError` where the client is gone and hears nothing.
    func failure() throws -> APIError? {
        switch breaker.reason {
        case nil: return nil
        case .connection(.gone): throw CancellationError()
        case .connection(.stopping): return .stopping
        case .timeout:
            return APIError(
                .gatewayTimeout, "the request took longer than \(Int(seconds.rounded(.up))) seconds", code: "timeout")
        }
    }

    /// Reads all answers at once; the first error ends them all.
    private static func merge(
        _ streams: [AnswerStream], into continuation: AsyncThrowingStream<Event, any Error>.Continuation,
        counting model: ServedModel
    ) async {
        await withTaskGroup(of: Void.self) { group in
            for (index, stream) in streams.enumerated() {
                group.addTask {
                    do {
                        for try await piece in stream { continuation.yield(.piece(index, piece)) }
                        let answer = try await stream.answer()
                        model.counts.withLock { $0.add(answer) }
                        continuation.yield(.finished(index, answer))
                    } catch {
                        for other in streams { other.cancel() }
                        continuation.finish(throwing: error)
                    }
                }
            }
        }
        continuation.finish()
    }

    /// Breaks answers off, once.
    private final class Breaker: Sendable {
        private let streams: [AnswerStream]
        private let first = Mutex<Stop?>(nil)

        init(_ streams: [AnswerStream]) { self.streams = streams }

        var reason: Stop? { first.withLock { $0 } }

        func stop(_ reason: Stop) {
            first.withLock { $0 = $0 ?? reason }
            for stream in streams { stream.cancel() }
        }
    }
}

/// One answer as it comes: its text, tokens and precisions so far.
struct ChoiceRecord {
    var text = ""
    var pieces: [AnswerPiece] = []
    var answer: Answer?

    /// Bits of every token.
    var bits: [Double] { pieces.compactMap { $0.token == nil ? nil : $0.precision.bits } }

    mutating func add(_ piece: AnswerPiece) {
        text += piece.text
        pieces.append(piece)
    }
}
