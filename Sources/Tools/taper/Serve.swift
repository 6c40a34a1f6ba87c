import ArgumentParser
import Dispatch
import Model
import Server
import Storage
import Synchronization

struct Serve: ParsableCommand {
    enum Verify: String, CaseIterable, ExpressibleByArgument { case full, lazy, off }
    static let configuration = CommandConfiguration(
        abstract: "Serve bundles by an HTTP API that OpenAI's clients speak, with a page to try them.",
        discussion: """
            Only this machine can connect, unless a key or --insecure says otherwise. Requests name a bundle by its file's
            name without .taper; without a name they get the first.
            """)

    @Argument(help: "Bundles.", completion: .file()) var models: [String]
    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "Port; 0 for any that is free.") var port = 8080
    @Option(help: "Key that clients must show (repeat for more; others see it in the list of processes).")
    var apiKey: [String] = []
    @Option(help: "File with a key on each line.", completion: .file()) var apiKeyFile: String?
    @Flag(help: "Let other machines use the server without a key.") var insecure = false
    @Option(help: "Further name that clients call the server by; repeat for more.") var allowHost: [String] = []

    @Option(
        name: [.customLong("np", withSingleDash: true), .customLong("parallel")], help: "Answers at once, by model.")
    var parallel = 8
    @Option(help: "Answers that may wait, by model; more are refused.") var queue = 64
    @Option(help: "Seconds that a request may take.") var timeout = 600.0
    @Option(
        name: [.customShort("c"), .long],
        help: "Positions of an answer with its prompt (default: the model's, at most 4096).")
    var ctxSize: Int?
    @Option(name: [.customShort("t"), .long], help: "Threads (default: one of every large core).") var threads: Int?

    @Option(
        help: "Schedule of requests that ask for none: static, static:TASK, learned, fixed or points such as 6@0,4@32.")
    var schedule: String?
    @Option(help: "One precision for requests that ask for none.") var bits: Precision?
    @Flag(help: "Keep the bundles in memory.") var mlock = false
    @Flag(help: "Compute the logits of all tokens, where the likeliest alone would do.") var wholeHead = false
    @Option(help: "Compare weights with their checksums: all when a bundle opens, those that are read, or none.")
    var verify = Verify.lazy
    @OptionGroup var cache: CacheOption
    @Flag(help: "Copy the bundles into memory instead of mapping them.") var noMmap = false
    @Flag(help: "Do not give up writing files, running programs and making connections once the server listens.")
    var noSandbox = false
    @Flag(name: .shortAndLong, help: "Tell of every request: method, path, status and time.") var verbose = false

    func run() throws {
        let server = try APIServer(bundles: models, options: try options())
        try Interrupt.check("Nothing was served")
        let outcome = Mutex<(any Error)?>(nil)
        let end = DispatchSemaphore(value: 0)
        let (host, names) = (host.contains(":") ? "[\(host)]" : host, server.modelNames.joined(separator: ", "))
        let (confines, tells) = (!noSandbox, verbose)
        Task {
            do {
                try await server.run { port in
                    if confines, let reason = Confinement.begin(.serving), tells {
                        Console.note("note: the system cannot confine this process: \(reason)")
                    }
                    Console.note("serving \(printable(names, limit: 400)) at http://\(host):\(port)")
                }
            } catch {
                outcome.withLock { $0 = error }
            }
            end.signal()
        }
        end.wait()
        if let error = outcome.withLock({ $0 }) { throw error }
    }

    private func options() throws -> ServerOptions {
        try OptionLimit.check("--port", port, 0...65535)
        try OptionLimit.check("-np", parallel, 1...1024)
        try OptionLimit.check("--queue", queue, 0...100_000)
        try OptionLimit.check("--ctx-size", ctxSize, 1...1 << 20)
        try OptionLimit.check("--threads", threads, 1...1024)
        guard (1...86400).contains(timeout) else {
            throw TaperError(
                .usage, "not a usable value", at: "--timeout", expected: "1 to 86400 seconds", found: "\(timeout)")
        }
        guard schedule == nil || bits == nil else {
            throw TaperError(.usage, "--schedule and --bits exclude each other", at: "--bits")
        }
        var options = ServerOptions()
        options.host = host
        options.port = port
        options.keys = apiKey
        if let apiKeyFile { options.keys += try keys(in: apiKeyFile) }
        options.isOpen = insecure
        options.hostNames = allowHost
        options.threads = threads
        options.contextLength = ctxSize
        options.answersAtOnce = parallel
        options.locksMemory = mlock
        options.cacheBits = try cache.bits()
        options.readsWholeHead = wholeHead
        options.verification = ServerOptions.Verification(rawValue: verify.rawValue) ?? .lazy
        options.copiesFiles = noMmap
        options.queueLength = queue
        options.requestSeconds = timeout
        options.schedule = schedule
        options.bits = bits?.bits
        if verbose { options.log = { Console.note($0) } }
        return options
    }

    /// No key holds white space.
    private func keys(in path: String) throws -> [String] {
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        let keys = text.split { $0.isWhitespace }.map(String.init)
        guard !keys.isEmpty else {
            throw TaperError(.badData, "the file holds no key", at: path, expected: "a key on each line")
        }
        return keys
    }
}
