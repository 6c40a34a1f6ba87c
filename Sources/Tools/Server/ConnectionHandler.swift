internal import HTTPTypes
package import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import Storage

/// How long a connection may keep others waiting.
package struct ConnectionLimits: Sendable {
    /// Until the head of the first request is complete.
    package var head = TimeAmount.seconds(10)
    /// Until a request's body is complete, from its head on.
    package var body = TimeAmount.seconds(60)
    /// Without a byte leaving while some wait.
    package var write = TimeAmount.seconds(30)
    /// Until the next request of a connection that is kept.
    package var idle = TimeAmount.seconds(60)
    /// From the order to shut down until everything is closed.
    package var stopping = TimeAmount.seconds(4)

    package init() {}

    /// All fields of a head together, and how many there are; RFC 9110 sets no limit, 16 KB is what servers have in common.
    static let headByteCount = 16 << 10
    static let fieldCount = 100
}

/// Bounds what a slow, broken or hostile connection costs, and tells the work for its requests when the client goes away.
///
/// Stands between the HTTP codec and the framework; all calls come on the connection's event loop.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    let connection = Connection()
    private let limits: ConnectionLimits
    /// Runs out when the head or the body does not come.
    private var reading: Scheduled<Void>?
    /// Runs out when nothing can be written.
    private var writing: Scheduled<Void>?
    /// Runs out when a connection that was told to close does not.
    private var closing: Scheduled<Void>?
    /// Requests whose response is not complete.
    private var openRequests = 0
    private var isResponding = false
    /// The response that is being written is the last.
    private var closesAfterResponse = false
    /// What still comes in is thrown away.
    private var isClosing = false

    init(limits: ConnectionLimits) { self.limits = limits }

    // MARK: Life of the connection

    func handlerAdded(context: ChannelHandlerContext) {
        let handlers = context.pipeline.syncOperations
        do {
            let codec = try handlers.handler(type: HTTP1ToHTTPServerCodec.self)
            try handlers.addHandlers([TargetHandler(), OldClientHandler()], position: .before(codec))
        } catch { preconditionFailure("a connection without the codec that stands before this: \(error)") }
        reading = schedule(context, limits.head) { $0.giveUpReading($1) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancelTimers()
        connection.signal(.gone)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelTimers() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            // Closing and half-closing look the same from here, and who asks a model waits for its answer.
            connection.signal(.gone)
            if isClosing { context.close(promise: nil) }
        } else if event is ChannelShouldQuiesceEvent {
            connection.signal(.stopping)
            closing = closing ?? schedule(context, limits.stopping) { $1.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError {
            let isTooLong = error == .headerOverflow
            refuse(
                context,
                isTooLong
                    ? APIError(
                        .requestHeaderFieldsTooLarge,
                        "the head is too long: at most \(ConnectionLimits.headByteCount) bytes in "
                            + "\(ConnectionLimits.fieldCount) fields")
                    : APIError(.badRequest, "this is no HTTP request: \(error)"))
        } else if error is HTTP1TypeConversionError {
            refuse(context, APIError(.badRequest, "this is no HTTP request"))
        } else {
            connection.signal(.gone)
            context.close(promise: nil)
        }
    }

    private func cancelTimers() {
        for timer in [reading, writing, closing] { timer?.cancel() }
        (reading, writing, closing) = (nil, nil, nil)
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        switch unwrapInboundIn(data) {
        case .head:
            openRequests += 1
            reading?.cancel()
            reading = schedule(context, limits.body) { $0.giveUpReading($1) }
        case .body: break
        case .end:
            reading?.cancel()
            reading = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes that nobody reads would turn the end of the connection into a reset, which loses the response.
        if isClosing { context.read() }
        context.fireChannelReadComplete()
    }

    private func giveUpReading(_ context: ChannelHandlerContext) {
        refuse(context, APIError(.requestTimeout, "the request did not come in time"))
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isClosing {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        watchWriting(context)
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational:
            isResponding = true
            closesAfterResponse = head.headerFields[.connection] == "close"
        case .end:
            openRequests -= 1
            isResponding = false
            if closesAfterResponse {
                context.writeAndFlush(data, promise: promise)
                return finish(context)
            }
        default: break
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            writing?.cancel()
            writing = nil
        } else {
            watchWriting(context)
        }
        context.fireChannelWritabilityChanged()
    }

    private func watchWriting(_ context: ChannelHandlerContext) {
        guard writing == nil, !context.channel.isWritable else { return }
        writing = schedule(context, limits.write) { handler, context in
            handler.connection.signal(.gone)
            context.close(promise: nil)
        }
    }

    // MARK: The end

    /// Answers in the framework's place and closes; where a response is under way, only closes.
    private func refuse(_ context: ChannelHandlerContext, _ error: APIError) {
        guard !isClosing else { return }
        connection.signal(.gone)
        guard openRequests <= 1, !isResponding, context.channel.isActive else { return context.close(promise: nil) }
        let body = error.json.bytes()
        let head = HTTPResponse(
            status: error.status,
            headerFields: [
                .contentType: "application/json", .contentLength: String(body.count), .connection: "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        finish(context)
    }

    /// Closes our side now and the connection when the client has closed its own, or soon.
    private func finish(_ context: ChannelHandlerContext) {
        isClosing = true
        cancelTimers()
        context.close(mode: .output, promise: nil)
        closing = schedule(context, .seconds(1)) { $1.close(promise: nil) }
        context.read()
    }

    private func schedule(
        _ context: ChannelHandlerContext, _ delay: TimeAmount,
        _ body: @escaping (ConnectionHandler, ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            guard let self else { return }
            body(self, context)
        }
    }
}
