package import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore

/// What the server knows at a path.
package struct Endpoint: Sendable {
    /// A last component in braces stands for any.
    package let path: String
    package let method: HTTPRequest.Method

    package static let all: [Endpoint] = [
        .init(path: "/v1/chat/completions", method: .post), .init(path: "/v1/completions", method: .post),
        .init(path: "/v1/models", method: .get), .init(path: "/v1/models/{model}", method: .get),
        .init(path: "/tokenize", method: .post), .init(path: "/detokenize", method: .post),
        .init(path: "/health", method: .get), .init(path: "/metrics", method: .get),
        .init(path: "/props", method: .get), .init(path: "/openapi.json", method: .get),
        .init(path: "/", method: .get), .init(path: "/page/{name}", method: .get),
    ]

    static func find(_ path: String) -> Endpoint? { all.first { $0.matches(path) } }

    private func matches(_ other: String) -> Bool {
        guard path.hasSuffix("}"), let brace = path.firstIndex(of: "{") else { return path == other }
        let start = path[..<brace]
        let last = other.dropFirst(start.count)
        return other.hasPrefix(start) && !last.isEmpty && !last.contains("/")
    }

    /// What is wrong with a request: its path, its method, or the type of its body.
    ///
    /// The router takes "/v1//models" for "/v1/models". Here a path is what it says, or a spelling would get around the rest.
    static func refusal(_ request: Request) -> APIError? {
        guard let endpoint = find(request.uri.path) else {
            return APIError(.notFound, "there is nothing at this path; /openapi.json lists what there is")
        }
        guard request.method == endpoint.method || endpoint.method == .get && request.method == .head else {
            var error = APIError(.methodNotAllowed, "\(endpoint.path) takes \(endpoint.method.rawValue) only")
            error.allowed = endpoint.method == .get ? "GET, HEAD" : endpoint.method.rawValue
            return error
        }
        // A form on somebody else's page can send any other type without asking (CSRF).
        if endpoint.method == .post, !isJSON(request.headers[.contentType] ?? "") {
            return APIError(.unsupportedMediaType, "the body must be JSON: Content-Type: application/json")
        }
        return nil
    }

    /// RFC 8259 has JSON in UTF-8 alone; some clients say so.
    private static func isJSON(_ type: String) -> Bool {
        let parts = type.lowercased().split(separator: ";", omittingEmptySubsequences: false)
            .map { $0.filter { $0 != " " && $0 != "\t" } }
        return parts.first == "application/json"
            && parts.dropFirst().allSatisfy { ["charset=utf-8", "charset=\"utf-8\"", ""].contains($0) }
    }
}
