internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Storage

/// Server-sent events: JSON documents that a response is made of while it comes, "[DONE]" at the end.
struct EventStream {
    private var writer: any ResponseBodyWriter

    init(_ writer: any ResponseBodyWriter) { self.writer = writer }

    mutating func send(_ json: JSONValue) async throws {
        var buffer = ByteBuffer(string: "data: ")
        buffer.writeBytes(json.bytes())
        buffer.writeString("\n\n")
        try await writer.write(buffer)
    }

    mutating func end() async throws {
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
        try await writer.finish(nil)
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
