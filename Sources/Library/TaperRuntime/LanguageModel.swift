package import Bundle

/// A bundle that is open for answers: one set of weights for any number of tasks, streams and conversations.
///
/// All computing happens on the model's own threads. Answers that are written at once go through the weights together, and each
/// is the same as if it were alone.
public final class LanguageModel: Sendable {
    /// How a bundle is opened.
    public struct Options: Hashable, Sendable {
        /// Threads; nil: as many as read memory fastest, one of every large core.
        public var threads: Int?
        /// Positions that a prompt and its answer have together; nil: as many as the model was trained for, at most 4096.
        public var contextLength: Int?
        /// Answers at work at once; more wait for their turn.
        public var answersAtOnce = 8
        /// Requests that wait for their turn at most; of more the stream throws `busy`. nil: any number.
        public var waitingLimit: Int?
        /// Positions kept of answers that have ended, beside those at work: a prompt that begins like one of them, and is read at
        /// the same precision, reads only the rest. nil: as many as the context has; 0: none. `Facts.cacheBytesPerToken` says what
        /// one costs; it may be twice that.
        public var cachedTokens: Int?
        /// Bits of the numbers that keys and values are kept in: 16, or 8 for half the memory and faster answers behind long
        /// prompts, at a measured and small loss. Answers differ slightly between the two.
        public var cacheBits = 16
        /// Reads the whole file into memory. Otherwise it is mapped, and must not be truncated while it is in use, which ends the
        /// process.
        public var copiesFile = false
        /// Keeps the bundle in memory where the system allows it.
        public var locksMemory = false
        /// Computes the logits of all tokens, where the likeliest alone would do. Answers are the same, save for a chance that was
        /// measured when the bundle was made.
        public var readsWholeHead = false
        /// When the bundle's weights are compared with its checksums.
        public var verification = Verification.lazy

        /// How much of the weights is compared with the bundle's checksums, and when.
        public enum Verification: String, Hashable, Sendable, CaseIterable {
            /// Everything, before the model opens.
            case full
            /// What is read, before it is read for the first time: damage ends the answers that are at work then, and no token of
            /// them has used it.
            case lazy
            case off
        }

        public init(threads: Int? = nil, contextLength: Int? = nil) {
            self.threads = threads
            self.contextLength = contextLength
        }
    }

    /// What the bundle holds.
    public let facts: Facts
    public let tokenizer: Tokenizer
    let worker: Worker

    /// Opens a bundle: reads its tokenizer and maps its weights, which takes a moment, not the time of reading the file.
    /// - Throws: `notFound`, `invalidData` or `unsupported` where there is no bundle that can be run; `invalidArgument` for options
    ///   that make no sense; `inputOutput` without the memory.
    public convenience init(path: String, options: Options = Options()) throws(TaperError) {
        try options.check()
        let bundle: Bundle
        do throws(ModuleError) { bundle = try Bundle(path: path, copying: options.copiesFile) } catch {
            throw TaperError(error)
        }
        try self.init(bundle, options: options)
    }

    /// The same of a file that is open already.
    package init(_ bundle: sending Bundle, options: Options) throws(TaperError) {
        try options.check()
        do throws(ModuleError) { worker = try Worker(bundle, options: options) } catch { throw TaperError(error) }
        facts = worker.facts
        tokenizer = Tokenizer(inner: worker.tokenizer)
    }

    /// Answers to several requests, which get in together.
    /// - Throws: `busy` where not all of them have room; but who is alone may ask for more, and they follow each other.
    package func streams(_ requests: [(prompt: Prompt, options: AnswerOptions)]) throws(TaperError) -> [AnswerStream] {
        try worker.streams(requests.map { Request(prompt: $0.prompt, options: $0.options, isStreamed: true) })
    }

    /// Writes an answer, handing out its pieces as they come.
    ///
    /// Nothing is thrown here: what is wrong with the prompt or the options, the stream throws; so it does `busy` where
    /// `Options.waitingLimit` requests are waiting.
    public func stream(_ prompt: Prompt, options: AnswerOptions = AnswerOptions()) -> AnswerStream {
        worker.stream(Request(prompt: prompt, options: options, isStreamed: true))
    }

    /// The same for a user's message.
    public func stream(_ message: String, options: AnswerOptions = AnswerOptions()) -> AnswerStream {
        stream(.message(message), options: options)
    }

    /// Writes a whole answer.
    /// - Throws: what is wrong with the prompt or the options; `busy` where too many requests are waiting; `cancelled` in a task
    ///   that is cancelled.
    public func answer(
        _ prompt: Prompt, options: AnswerOptions = AnswerOptions()
    ) async throws(TaperError) -> Answer {
        try await worker.stream(Request(prompt: prompt, options: options, isStreamed: false)).answer()
    }

    /// The same for a user's message.
    public func answer(
        _ message: String, options: AnswerOptions = AnswerOptions()
    ) async throws(TaperError) -> Answer {
        try await answer(.message(message), options: options)
    }

    /// Begins a conversation.
    /// - Parameters:
    ///   - system: the system message.
    ///   - dropsOldest: when the context is full, the oldest question goes with its answer, instead of an error.
    /// - Throws: `unsupported` for a bundle without chat format.
    public func conversation(
        system: String? = nil, dropsOldest: Bool = false
    ) throws(TaperError) -> Conversation {
        guard facts.hasChatFormat else {
            throw TaperError(
                .unsupported, "the bundle has no chat format", at: facts.path, remedy: "Complete texts with Prompt.text"
            )
        }
        return Conversation(Seat(system: system, dropsOldest: dropsOldest), worker)
    }
}

extension LanguageModel.Options {
    fileprivate func check() throws(TaperError) {
        if let threads, !(1...1024).contains(threads) {
            throw TaperError(
                .invalidArgument, "an impossible number of threads", at: "threads", expected: "1 to 1024",
                found: "\(threads)")
        }
        guard answersAtOnce > 0 else {
            throw TaperError(
                .invalidArgument, "there is no place for an answer", at: "answersAtOnce", expected: "1 or more",
                found: "\(answersAtOnce)")
        }
        guard cacheBits == 8 || cacheBits == 16 else {
            throw TaperError(
                .invalidArgument, "keys and values are not kept in so many bits", at: "cacheBits",
                expected: "8 or 16", found: "\(cacheBits)")
        }
        if let limit = waitingLimit, limit < 0 {
            throw TaperError(
                .invalidArgument, "fewer than nobody cannot wait", at: "waitingLimit", expected: "0 or more, or nil",
                found: "\(limit)")
        }
        if let limit = cachedTokens, limit < 0 {
            throw TaperError(
                .invalidArgument, "fewer than no positions cannot be kept", at: "cachedTokens",
                expected: "0 or more, or nil", found: "\(limit)")
        }
    }
}
