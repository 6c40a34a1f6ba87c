internal import Hummingbird
internal import HummingbirdCore
internal import Storage
internal import TaperRuntime

/// What there is, and what it is: models, their facts, their tokenizers, the state of the server.
struct ModelRoutes: Sendable {
    let state: ServerState

    // MARK: OpenAI's

    func list(_ request: Request, _ context: ServerContext) -> Response {
        Response(
            json: .object([
                .init("object", .string("list")), .init("data", .array(state.models.map { entry($0) })),
            ]))
    }

    func entry(_ request: Request, _ context: ServerContext) throws -> Response {
        // The router has taken escapes out of it.
        Response(json: entry(try state.model(context.parameters.get("model"))))
    }

    private func entry(_ model: ServedModel) -> JSONValue {
        .object([
            .init("id", .string(model.name)), .init("object", .string("model")),
            .init("created", .integer(model.openedAt)), .init("owned_by", .string("taper")),
        ])
    }

    // MARK: Tokens

    /// `{ content, add_special, with_pieces }` to `{ tokens }`, the names as in llama.cpp's server.
    func tokenize(_ request: Request, _ context: ServerContext) async throws -> Response {
        var fields = try await request.fields(context, limit: state.options.bodyByteCount)
        let model = try state.model(try fields.string("model"))
        guard let text = try fields.string("content") else {
            throw APIError.invalid("content", "missing", expected: "a text")
        }
        let addsSpecial = try fields.bool("add_special") ?? false
        let readsSpecial = try fields.bool("parse_special") ?? true
        let withPieces = try fields.bool("with_pieces") ?? false
        try fields.end()
        let tokenizer = model.model.tokenizer
        let tokens: [Int]
        do throws(TaperRuntime.TaperError) {
            tokens = try tokenizer.encode(text, addsSpecial: addsSpecial, readsSpecial: readsSpecial)
        } catch { throw APIError.invalid("content", error.what) }
        return Response(
            json: .object([
                .init(
                    "tokens",
                    .array(
                        tokens.map { token in
                            withPieces
                                ? .object([
                                    .init("id", .integer(token)),
                                    .init("piece", tokenizer.spelling(of: token).map { .string($0) } ?? .null),
                                ]) : .integer(token)
                        }))
            ]))
    }

    /// `{ tokens }` to `{ content }`.
    func detokenize(_ request: Request, _ context: ServerContext) async throws -> Response {
        var fields = try await request.fields(context, limit: state.options.bodyByteCount)
        let model = try state.model(try fields.string("model"))
        guard let value = fields.value("tokens") else {
            throw APIError.invalid("tokens", "missing", expected: "an array of token ids")
        }
        let isEmpty = value.array?.isEmpty ?? false
        let tokens = isEmpty ? [] : try CompletionRequest.tokenList(value, "tokens", model.model.facts)
        let keepsSpecial = try fields.bool("with_special") ?? true
        try fields.end()
        return Response(
            json: .object([
                .init("content", .string(model.model.tokenizer.decode(tokens, keepsSpecial: keepsSpecial)))
            ]))
    }

    // MARK: State

    func health(_ request: Request, _ context: ServerContext) -> Response {
        Response(json: .object([.init("status", .string("ok"))]))
    }

    func metrics(_ request: Request, _ context: ServerContext) -> Response {
        Response(text: MetricsText(state).text, type: "text/plain; version=0.0.4; charset=utf-8")
    }

    func properties(_ request: Request, _ context: ServerContext) throws -> Response {
        let names = request.uri.queryParameters.filter { $0.key == "model" }
        return Response(json: ModelProperties(try state.model(names.first.map { String($0.value) }), state).json)
    }

    func document(_ request: Request, _ context: ServerContext) -> Response {
        Response(text: String(decoding: PackageResources.openapi_json, as: UTF8.self), type: "application/json")
    }
}
