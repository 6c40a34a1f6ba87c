internal import HTTPTypes
internal import NIOCore
internal import Hummingbird
internal import Storage
internal import TaperRuntime

/// What a client is told of a request that failed, in the form of OpenAI's API.
struct APIError: Error {
    var status: HTTPResponse.Status
    var message: String
    /// The request's member at fault, such as `messages[1].content`.
    var parameter: String?
    /// A stable word for programs.
    var code: String?
    /// Seconds after which trying again makes sense.
    var retryAfter: Int?
    /// Methods that the path takes.
    var allowed: String?
    /// More than was read of the request may follow: the connection is of no further use.
    var closesConnection = false

    init(_ status: HTTPResponse.Status, _ message: String, parameter: String? = nil, code: String? = nil) {
        self.status = status
        self.message = message
        self.parameter = parameter
        self.code = code
    }

    /// A member of the request that cannot be used.
    static func invalid(
        _ parameter: String, _ what: String, expected: String = "", found: String = "", remedy: String = "",
        code: String? = nil
    ) -> APIError {
        var line = parameter + ": " + what
        if !expected.isEmpty { line += "; expected " + expected }
        if !found.isEmpty { line += (expected.isEmpty ? "; found " : ", found ") + found }
        if !remedy.isEmpty { line += ". " + remedy }
        return APIError(.badRequest, line, parameter: parameter, code: code)
    }

    /// A member of the request that asks for what this server does not do.
    static func unsupported(_ parameter: String, _ what: String, remedy: String = "") -> APIError {
        invalid(parameter, what, remedy: remedy, code: "unsupported_parameter")
    }

    static func busy(_ what: String) -> APIError {
        var error = APIError(.serviceUnavailable, what, code: "queue_full")
        error.retryAfter = 1
        return error
    }

    static var stopping: APIError {
        APIError(.serviceUnavailable, "the server is shutting down", code: "shutting_down")
    }

    /// OpenAI's word for the kind of failure.
    private var type: String {
        switch status.code {
        case 401: "authentication_error"
        case 403, 421: "permission_error"
        case 400..<500: "invalid_request_error"
        case 503: "overloaded_error"
        default: "server_error"
        }
    }

    var json: JSONValue {
        .object([
            .init(
                "error",
                .object([
                    .init("message", .string(message)), .init("type", .string(type)),
                    .init("param", parameter.map { .string($0) } ?? .null),
                    .init("code", code.map { .string($0) } ?? .null),
                ]))
        ])
    }

    var response: Response {
        var response = Response(status: status, json: json)
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        if let allowed { response.headers[.allow] = allowed }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        if closesConnection { response.headers[.connection] = "close" }
        return response
    }
}

extension APIError {
    /// What the library has against a request, its settings by the names that they have in the API.
    init(_ error: TaperRuntime.TaperError) {
        let parameter = APIError.parameters[error.place]
        var line = [parameter ?? error.place, error.what].filter { !$0.isEmpty }.joined(separator: ": ")
        if !error.expected.isEmpty { line += "; expected " + error.expected }
        if !error.found.isEmpty { line += (error.expected.isEmpty ? "; found " : ", found ") + error.found }
        if !error.remedy.isEmpty { line += ". " + APIError.inWordsOfTheAPI(error.remedy) }
        switch error.code {
        case .invalidArgument, .invalidData, .unsupported:
            self.init(.badRequest, APIError.inWordsOfTheAPI(line), parameter: parameter)
        case .busy:
            self = .busy("the queue is full; ask again later")
        default:
            // Nothing of files and the machine goes out.
            self.init(.internalServerError, "the answer failed; the server's standard error says why")
        }
    }

    /// What the library calls a setting, and what the API does.
    private static let parameters = [
        "temperature": "temperature", "topK": "top_k", "topP": "top_p", "minP": "min_p", "seed": "seed",
        "repeatPenalty": "repeat_penalty", "repeatLastN": "repeat_last_n", "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty", "logitBias": "logit_bias", "maxTokens": "max_tokens",
        "precision": "precision", "prefill": "precision.prefill_bits", "switch points": "precision.switch",
        "stops": "stop", "prompt": "prompt", "format": "response_format", "logProbabilities": "top_logprobs",
    ]

    private static func inWordsOfTheAPI(_ text: String) -> String {
        var text = text.replacing(
            "Open the model with a larger contextLength, or shorten the text",
            with: "Shorten the text, or start the server with a larger context")
        for (name, parameter) in parameters where name != parameter && !name.contains(" ") && name != "prefill" {
            text = text.replacing(name, with: parameter)
        }
        return text
    }
}

extension Response {
    init(status: HTTPResponse.Status = .ok, json: JSONValue) {
        self.init(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.bytes())))
    }

    /// Text of another kind, such as "text/plain".
    init(text: String, type: String) {
        self.init(status: .ok, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
