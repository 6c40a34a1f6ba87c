internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Storage

/// Server-sent events: JSON documents that a response is made of while it comes, "[DONE]" at the end.
struct EventStream {
    private var writer: any ResponseBodyWriter
    private var held = ByteBuffer()

    init(_ writer: any ResponseBodyWriter) { self.writer = writer }

    /// - Parameter isFollowed: whether the next one is on its way already, with which it goes out.
    mutating func send(_ json: JSONValue, isFollowed: Bool = false) async throws {
        held.writeString("data: ")
        held.writeBytes(json.bytes())
        held.writeString("\n\n")
        if !isFollowed { try await write() }
    }

    mutating func end() async throws {
        held.writeString("data: [DONE]\n\n")
        try await write()
        try await writer.finish(nil)
    }

    private mutating func write() async throws {
        let bytes = held
        held = ByteBuffer()
        try await writer.write(bytes)
    }

    /// A response that `body` writes; what it throws is told as an event, as no status can any longer.
    static func response(_ body: @escaping @Sendable (inout EventStream) async throws -> Void) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache"],
            body: ResponseBody { writer in
                var events = EventStream(writer)
                do {
                    try await body(&events)
                } catch let error as APIError {
                    try await events.send(error.json)
                }
                try await events.end()
            })
    }
}
