internal import HTTPTypes
internal import Synchronization
internal import TaperRuntime

/// What all requests share.
final class ServerState: Sendable {
    let models: [ServedModel]
    let options: ServerOptions
    /// Requests by path and status.
    let requests = Mutex<[Key: Int]>([:])

    struct Key: Hashable, Comparable, Sendable {
        let path: String
        let status: Int

        static func < (left: Key, right: Key) -> Bool { (left.path, left.status) < (right.path, right.status) }
    }

    init(models: [ServedModel], options: ServerOptions) {
        precondition(!models.isEmpty, "a server answers with at least one model")
        self.models = models
        self.options = options
    }

    /// The model of this name; the first where none is named.
    func model(_ name: String?) throws(APIError) -> ServedModel {
        guard let name else { return models[0] }
        guard let model = models.first(where: { $0.name == name }) else {
            var error = APIError.invalid(
                "model", "there is no such model", expected: models.map(\.name).joined(separator: " or "),
                found: "\"" + name.prefix(80) + "\"", code: "model_not_found")
            error.status = .notFound
            throw error
        }
        return model
    }
}
