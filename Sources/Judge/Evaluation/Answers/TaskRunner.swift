public import Bundle
public import Decoding
public import Kernels
public import Model
import Reference
package import Runtime
public import Storage
public import Text

/// Greedy answers of one bundle to the examples of a task under many strategies, or samples of answers, sharing all work that
/// they have in common.
///
/// A prompt is read once per prefill precision, and steps are shared up to the first one at which strategies differ
/// (`AnswerPlan`). Several examples are worked on at once, the next coming in where one has ended: what decodes at the same
/// precision goes through the weights together. Answers are those of every strategy alone, token by token.
public final class TaskRunner {
    public struct Answer: Sendable, Equatable {
        public var tokens: [Int] = []
        /// Precision of every decode step taken.
        public var bits: [Precision] = []
        /// What precision by need did; nil without.
        public var adaptive: AdaptiveCounts?
        /// Of all that its steps read.
        public var averageBits: Double { mean { $0.bits } ?? 0 }

        public init(tokens: [Int] = [], bits: [Precision] = [], adaptive: AdaptiveCounts? = nil) {
            self.tokens = tokens
            self.bits = bits
            self.adaptive = adaptive
        }

        /// What its steps read together, where one at a precision reads so much.
        public func sum(_ each: (Precision) -> Double) -> Double {
            adaptive?.sum(each) ?? bits.reduce(0) { $0 + each($1) }
        }

        /// The same for a step; nil where there was none.
        public func mean(_ each: (Precision) -> Double) -> Double? {
            bits.isEmpty ? nil : sum(each) / Double(bits.count)
        }
    }

    /// What one strategy made of one example.
    public struct Outcome: Sendable {
        public var answer = Answer()
        /// nil without forced paths.
        public var divergence: PathDivergence?
        /// Precision of every step along the path.
        public var pathBits: [Precision] = []
        /// What an `afterPrefill` strategy decided; the strategy's own schedule otherwise, nil of patterns and the like.
        public var schedule: PrecisionSchedule?

        public init(answer: Answer = Answer()) { self.answer = answer }
    }

    package let engine: Engine
    let rendered: TaskPrompts
    let pool: ThreadPool
    let ops: VectorOps
    let maxNewTokens: Int
    public var tokenizer: Tokenizer { rendered.tokenizer }
    public var prompts: [[Int]] { rendered.prompts }
    /// Reference texts of every example; none where the metric needs none.
    public var references: [[String]] { rendered.references }
    public var stopTokens: [Int] { rendered.stopTokens }
    /// Decode steps actually run, and those that sharing saved.
    public internal(set) var stepCount = 0
    public internal(set) var sharedStepCount = 0
    /// Answers asked for.
    public private(set) var answerCount = 0

    let memory: PromptMemory

    /// Bytes of keys and values of all sequences at work.
    private let cacheLimit: Int

    /// - Parameters:
    ///   - keepsPrompts: keep what has been read for later calls, as far as a gigabyte holds it: for searches that come back to
    ///     the same examples.
    ///   - cacheLimit: bytes of keys and values of the examples at work together.
    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public convenience init(
        bundle: Bundle, examples: [TaskExample], maxNewTokens: Int, pool: ThreadPool, place: String,
        keepsPrompts: Bool = false, cacheLimit: Int = TaskRunner.defaultCacheLimit
    ) throws(TaperError) {
        try self.init(
            bundle: bundle, prompts: try TaskPrompts(.bundle(bundle), examples: examples, place: place),
            maxNewTokens: maxNewTokens, pool: pool, place: place, keepsPrompts: keepsPrompts, cacheLimit: cacheLimit)
    }

    /// Four gigabytes, but at most a quarter of the memory that the process can have: weights and system need the rest.
    public static var defaultCacheLimit: Int {
        let memory = AvailableMemory.now.byteCount
        return memory > 0 ? min(cacheLimit, memory / 4) : cacheLimit
    }
    package static let cacheLimit = 1 << 32
    /// Bytes of prompts that are kept.
    package static let keptPromptLimit = 1 << 30

    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public init(
        bundle: Bundle, prompts: TaskPrompts, maxNewTokens: Int, pool: ThreadPool, place: String,
        keepsPrompts: Bool = false, cacheLimit: Int = TaskRunner.defaultCacheLimit
    ) throws(TaperError) {
        rendered = prompts
        self.cacheLimit = cacheLimit
        let longest = rendered.longestPrompt
        let limit = bundle.manifest.model.contextLength
        guard longest + maxNewTokens <= limit else {
            throw TaperError(
                .badData, "an example's prompt and answer exceed the model's context", at: place,
                expected: "at most \(limit) tokens", found: "\(longest) + \(maxNewTokens)",
                remedy: "Shorten the example or \(field("max_new_tokens"))")
        }
        engine = try Engine(try TransformerWeights(bundle), contextLength: longest + maxNewTokens, pool: pool)
        memory = PromptMemory(engine, byteLimit: keepsPrompts ? Self.keptPromptLimit : 0)
        self.pool = pool
        ops = VectorOps(pool)
        self.maxNewTokens = maxNewTokens
    }

    /// Precisions that strategies may use, ascending.
    public var served: [Precision] { engine.weights.served }

    /// Bytes of weights that a decode step reads.
    public func bytesPerToken(bits: Precision) -> Int { engine.weights.bytesPerToken(bits: bits) }

    /// Whether an answer was cut at the limit of new tokens.
    public func isCut(_ tokens: [Int]) -> Bool { tokens.count >= maxNewTokens }

    public func text(_ answer: Answer) -> String { tokenizer.decode(answer.tokens, skipSpecial: true) }

    /// Rows of one step: more share the weights no better, and every one has a cache of its own.
    package static let mostRows = 96

    /// Examples at work together: as many as make `mostRows` rows when every strategy has parted from the others, and
    /// whose caches, each as long as the longest prompt and answer, stay within `cacheLimit`.
    public func places(strategies: Int) -> Int {
        let byteCount = engine.cacheBytes(at: engine.contextLength) * strategies
        return max(1, min(Self.mostRows / strategies, cacheLimit / max(1, byteCount)))
    }

    /// Every strategy on every one of some examples: one row per example, in the order given.
    ///
    /// - Parameters:
    ///   - paths: also reads these texts along every strategy, and compares with the model that wrote them.
    ///   - sampling: draws the answers; nil for greedy ones, and with `paths`.
    ///   - writes: whether answers are written as well.
    ///   - progress: hears the share of examples that are done.
    public func run(
        _ examples: [Int], _ strategies: [DecodeStrategy], paths: ForcedPaths? = nil,
        writes: Bool = true,
        sampling: AnswerSampling? = nil, progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [[Outcome]] {
        if strategies.isEmpty { return examples.map { _ in [] } }
        precondition(paths == nil || sampling == nil, "texts that are followed are not drawn")
        let places = places(strategies: strategies.count)
        answerCount += examples.count * strategies.count
        guard let paths else {
            return try write(examples, strategies, sampling: sampling, places: places) { done in
                progress(min(1, done / Double(examples.count)))
            }
        }
        // Along texts all examples are at the same step: they begin and end together.
        var results: [[Outcome]] = []
        for start in stride(from: 0, to: examples.count, by: places) {
            let some = Array(examples[start..<min(start + places, examples.count)])
            results += try follow(paths, some, strategies, writes: writes) { done in
                progress(min(1, (Double(start) + done) / Double(examples.count)))
            }
        }
        return results
    }
}
