internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// All requests come through here: who may not ask is refused, what failed becomes an error in OpenAI's form, and what browsers
/// are to heed is said in every response.
struct GuardedResponder<Routes: HTTPResponder>: HTTPResponder where Routes.Context == ServerContext {
    let routes: Routes
    let state: ServerState
    let requestGuard: RequestGuard

    init(_ routes: Routes, _ state: ServerState) {
        self.routes = routes
        self.state = state
        requestGuard = RequestGuard(state.options)
    }

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            try requestGuard.check(request)
            if let error = Endpoint.refusal(request) { throw error }
            response = try await routes.respond(to: request, context: context)
        } catch let error as APIError {
            response = error.response
        } catch let error as HTTPParserError {
            throw error
        } catch is CancellationError {
            // Nobody is there to read it.
            response = Response(status: .init(code: 499), headers: [.connection: "close"])
        } catch {
            response = APIError(.internalServerError, "the request failed").response
        }
        GuardedResponder.harden(&response)
        note(request, response.status, ContinuousClock.now - start)
        return response
    }

    /// Nothing of a response is ever run, framed, sniffed or kept by a browser, unless its route says otherwise.
    private static func harden(_ response: inout Response) {
        func set(_ name: HTTPField.Name, _ value: String) {
            if response.headers[name] == nil { response.headers[name] = value }
        }
        set(.xContentTypeOptions, "nosniff")
        set(.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
        set(.crossOriginResourcePolicy, "same-origin")
        set(.cacheControl, "no-store")
    }

    private func note(_ request: Request, _ status: HTTPResponse.Status, _ time: Duration) {
        // Only paths that exist, or anybody could fill the table.
        let path = Endpoint.find(request.uri.path)?.path ?? "other"
        state.requests.withLock { $0[.init(path: path, status: status.code), default: 0] += 1 }
        guard let log = state.options.log else { return }
        let milliseconds = time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
        log("\(request.method.rawValue) \(path) \(status.code) \(milliseconds) ms")
    }
}
