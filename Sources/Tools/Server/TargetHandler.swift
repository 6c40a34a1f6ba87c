internal import NIOCore
internal import NIOHTTP1

/// Refuses targets that name a host, as clients send them to proxies ("GET http://host/path").
///
/// Such a host counts instead of the Host field (RFC 9112, section 3.2.2). The types that all versions of HTTP share have no place for
/// it, so what comes after the codec would pass it over, and the rule of hosts with it.
final class TargetHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), !head.uri.hasPrefix("/") else {
            return context.fireChannelRead(data)
        }
        // No path, whatever follows: the guard of requests answers.
        head.uri = "*"
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
