internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
public import Storage
internal import TaperRuntime
internal import UnixSignals

/// Bundles behind an HTTP API that OpenAI's clients speak.
public struct APIServer: Sendable {
    private let state: ServerState
    /// How slow a client may be.
    package var limits = ConnectionLimits()

    /// Opens the bundles.
    /// - Throws: `usage` for options that make no sense or are not safe; what is wrong with a bundle.
    public init(bundles: [String], options: ServerOptions) throws(Storage.TaperError) {
        guard !options.keys.isEmpty || options.isOpen || HostRule.isLoopback(options.host) else {
            throw Storage.TaperError(
                .usage, "everybody who reaches this machine could use the server", at: field("host"),
                expected: "127.0.0.1, or a key", found: options.host,
                remedy: "Set " + field("api_key_file") + ", or " + field("insecure") + " if that is meant")
        }
        guard options.keys.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7e).contains($0) } }) else {
            throw Storage.TaperError(
                .usage, "a key is empty or holds what no header can", at: field("api_key"),
                expected: "printable ASCII without spaces")
        }
        let now = Int(Date().timeIntervalSince1970)
        var models: [ServedModel] = []
        for path in bundles {
            let model: ServedModel
            do throws(TaperRuntime.TaperError) {
                model = try ServedModel(path: path, options: options, openedAt: now)
            } catch { throw Storage.TaperError(error) }
            guard !models.contains(where: { $0.name == model.name }) else {
                throw Storage.TaperError(
                    .usage, "another bundle has the same name, which requests could not tell apart", at: path,
                    remedy: "Rename the file")
            }
            models.append(model)
        }
        guard !models.isEmpty else { throw Storage.TaperError(.usage, "there is no bundle to serve", at: "models") }
        state = ServerState(models: models, options: options)
    }

    /// Names of the models.
    public var modelNames: [String] { state.models.map(\.name) }

    /// Serves until the process gets SIGTERM or SIGINT, or the task is cancelled. Answers that are at work then end with an error
    /// within seconds.
    /// - Parameter onStart: called once, with the port.
    /// - Throws: `inputOutput` where the address cannot be listened on.
    public func run(handlesSignals: Bool = true, onStart: @escaping @Sendable (Int) -> Void) async throws {
        let options = state.options
        let limits = limits
        let quiet = Logger(label: "taper", factory: { _ in SwiftLogNoOpLogHandler() })
        let application = Application(
            responder: GuardedResponder(router().buildResponder(), state),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionHandler(limits: limits)], idleTimeout: limits.idle,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: ConnectionLimits.headByteCount,
                        maxHeaderListSize: ConnectionLimits.headByteCount,
                        maxHeaderFieldCount: ConnectionLimits.fieldCount))),
            configuration: .init(
                address: .hostname(options.host, port: options.port),
                availableConnectionsDelegate: .maximum(options.connectionCount, logger: quiet)),
            onServerRunning: { channel in onStart(channel.localAddress?.port ?? options.port) }, logger: quiet)
        var configuration = ServiceGroupConfiguration(
            services: [application], gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [],
            logger: quiet)
        // Connections close by themselves before; this is for what would not.
        configuration.maximumGracefulShutdownDuration = .seconds(4.5)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw Storage.TaperError(
                .inputOutput, "cannot listen: \(error)", at: options.host + ":\(options.port)",
                remedy: "Choose another " + field("port") + " or " + field("host"))
        }
    }

    private func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        let (answers, models) = (AnswerRoutes(state: state), ModelRoutes(state: state))
        router.post("/v1/chat/completions") { try await answers.chat($0, $1) }
        router.post("/v1/completions") { try await answers.completion($0, $1) }
        router.get("/v1/models") { models.list($0, $1) }
        router.get("/v1/models/{model}") { try models.entry($0, $1) }
        router.post("/tokenize") { try await models.tokenize($0, $1) }
        router.post("/detokenize") { try await models.detokenize($0, $1) }
        router.get("/health") { models.health($0, $1) }
        router.get("/metrics") { models.metrics($0, $1) }
        router.get("/props") { try models.properties($0, $1) }
        router.get("/openapi.json") { models.document($0, $1) }
        addPage(to: router)
        return router
    }
}

extension Storage.TaperError {
    /// An error of the library, for programs that report errors of the modules below.
    init(_ error: TaperRuntime.TaperError) {
        let code: Code =
            switch error.code {
            case .invalidArgument: .usage
            case .invalidData: .badData
            case .unsupported: .unsupported
            case .notFound: .noInput
            case .cannotCreate: .cannotCreate
            case .inputOutput: .inputOutput
            case .busy: .busy
            case .cancelled: .interrupted
            case .verificationFailed: .verificationFailed
            case .internalFault: .internalFault
            }
        self.init(
            code, error.what, at: error.place, expected: error.expected, found: error.found, remedy: error.remedy)
    }
}
