internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTPTypes
internal import Storage

extension Request {
    /// Members of the JSON object that is the body.
    /// - Parameter limit: bytes of the body at most.
    func fields(_ context: ServerContext, limit: Int) async throws -> RequestFields {
        try RequestFields(parsing: try await bytes(context, limit: limit))
    }

    private func bytes(_ context: ServerContext, limit: Int) async throws -> [UInt8] {
        if let text = headers[.contentLength], let count = Int(text), count > limit { throw tooLong(limit) }
        if headers[.expect]?.lowercased() == "100-continue" {
            try await context.channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
        }
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= limit else { throw tooLong(limit) }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    private func tooLong(_ limit: Int) -> APIError {
        var error = APIError(.contentTooLarge, "the body is too long: at most \(limit) bytes")
        error.closesConnection = true
        return error
    }
}

extension RequestFields {
    init(parsing body: [UInt8]) throws(APIError) {
        let json: JSONValue
        do throws(TaperError) { json = try JSONValue.parse(body, place: "the request's body") } catch {
            throw APIError(.badRequest, error.message, code: "invalid_json")
        }
        try self.init(json)
    }
}
