internal import NIOCore
internal import NIOHTTP1

/// Speaks HTTP/1.0 with clients that do (RFC 9112, section 9.3 and appendix C.2.2): the connection ends with the answer unless
/// they ask to keep it, and the end of a body whose length is not known before is the end of the connection.
///
/// Stands between the codec of HTTP/1 and the types that all versions share, which do not tell of a version.
final class OldClientHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The client's latest request was of HTTP/1.0.
    private var isOld = false
    private var keepsConnection = true
    private var closesAfterResponse = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), head.version == .http1_0 else {
            return context.fireChannelRead(data)
        }
        isOld = true
        keepsConnection = head.isKeepAlive
        // So the framework reads no further.
        if !keepsConnection { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOld else { return context.write(data, promise: promise) }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            head.version = .http1_0
            let isClosing = head.headers["connection"] == ["close"]
            let hasEnd = head.headers.contains(name: "content-length")
            closesAfterResponse = isClosing || !keepsConnection || !hasEnd
            head.headers.replaceOrAdd(name: "connection", value: closesAfterResponse ? "close" : "keep-alive")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where closesAfterResponse:
            context.writeAndFlush(data, promise: promise)
            context.close(mode: .output, promise: nil)
        default: context.write(data, promise: promise)
        }
    }
}
