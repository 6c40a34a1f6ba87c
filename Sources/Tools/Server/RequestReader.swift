internal import Storage
internal import TaperRuntime

/// Bodies of requests, read as the routes read them, without a connection: for whoever wants to try many.
package struct RequestReader: Sendable {
    private let model: ServedModel

    package init(bundle path: String) throws {
        model = try ServedModel(path: path, options: ServerOptions(), openedAt: 0)
    }

    /// - Throws: what is wrong with a body for `/v1/chat/completions`.
    package func readChat(_ body: [UInt8]) throws {
        var fields = try RequestFields(parsing: body)
        _ = try fields.string("model")
        _ = try ChatRequest(fields, facts: model.model.facts, precision: model.precision)
    }

    /// - Throws: what is wrong with a body for `/v1/completions`.
    package func readCompletion(_ body: [UInt8]) throws {
        var fields = try RequestFields(parsing: body)
        _ = try fields.string("model")
        _ = try CompletionRequest(fields, facts: model.model.facts, precision: model.precision)
    }
}
