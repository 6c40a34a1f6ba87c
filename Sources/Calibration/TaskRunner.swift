public import Bundle
public import Evaluation
public import Kernels
public import Model
public import Runtime
public import Storage
public import Text

/// Greedy answers of one bundle to the examples of a task under many strategies, sharing all work that they have in common.
///
/// A prompt is read once per prefill precision, and steps are shared up to the first one at which strategies differ
/// (`AnswerBranch`). Several examples are worked on at once: what decodes at the same precision goes through the weights
/// together. Answers are those of every strategy alone, token by token.
public final class TaskRunner {
    public struct Answer: Sendable, Equatable {
        public var tokens: [Int] = []
        /// Precision of every decode step taken.
        public var bits: [Precision] = []
        public var averageBits: Double { Precision.mean(bits) ?? 0 }

        public init(tokens: [Int] = [], bits: [Precision] = []) {
            self.tokens = tokens
            self.bits = bits
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
    }

    let transformer: Transformer
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
    public private(set) var stepCount = 0
    public private(set) var sharedStepCount = 0
    /// Answers asked for.
    public private(set) var answerCount = 0

    private let memory: PromptMemory

    /// - Parameter keepsPrompts: keep what has been read for later calls, as far as a gigabyte holds it: for searches that
    ///   come back to the same examples.
    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public convenience init(
        bundle: Bundle, examples: [TaskExample], maxNewTokens: Int, pool: ThreadPool, place: String,
        keepsPrompts: Bool = false
    ) throws(TaperError) {
        try self.init(
            bundle: bundle, prompts: try TaskPrompts(.bundle(bundle), examples: examples, place: place),
            maxNewTokens: maxNewTokens, pool: pool, place: place, keepsPrompts: keepsPrompts)
    }

    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public init(
        bundle: Bundle, prompts: TaskPrompts, maxNewTokens: Int, pool: ThreadPool, place: String,
        keepsPrompts: Bool = false
    ) throws(TaperError) {
        rendered = prompts
        let longest = rendered.longestPrompt
        let limit = bundle.manifest.model.contextLength
        guard longest + maxNewTokens <= limit else {
            throw TaperError(
                .badData, "an example's prompt and answer exceed the model's context", at: place,
                expected: "at most \(limit) tokens", found: "\(longest) + \(maxNewTokens)",
                remedy: "Shorten the example or --max-new-tokens")
        }
        transformer = try Transformer(bundle: bundle, contextLength: longest + maxNewTokens, pool: pool)
        memory = PromptMemory(transformer, byteLimit: keepsPrompts ? 1 << 30 : 0)
        self.pool = pool
        ops = VectorOps(pool)
        self.maxNewTokens = maxNewTokens
    }

    /// Precisions that strategies may use, ascending.
    public var served: [Precision] { transformer.served }

    /// Bytes of weights that a decode step reads.
    public func bytesPerToken(bits: Precision) -> Int { transformer.bytesPerToken(bits: bits) }

    public func text(_ answer: Answer) -> String { tokenizer.decode(answer.tokens, skipSpecial: true) }

    /// Answers to example `index` under every schedule, in the order given.
    public func answers(_ index: Int, schedules: [PrecisionSchedule]) throws(TaperError) -> [Answer] {
        try run([index], schedules.map { DecodeStrategy($0) })[0].map(\.answer)
    }

    /// The same where the schedule may depend on the prompt.
    public func answers(_ index: Int, schedulers: [DecodeScheduler]) throws(TaperError) -> [Answer] {
        try run([index], schedulers.map { DecodeStrategy($0, maxNewTokens: maxNewTokens) })[0].map(\.answer)
    }

    /// Every strategy on every one of some examples: one row per example, in the order given.
    ///
    /// - Parameters:
    ///   - paths: also reads these texts along every strategy, and compares with the model that wrote them.
    ///   - writes: whether answers are written as well.
    ///   - progress: hears the share of examples that are done.
    public func run(
        _ examples: [Int], _ strategies: [DecodeStrategy], paths: ForcedPaths? = nil, writes: Bool = true,
        progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [[Outcome]] {
        var results: [[Outcome]] = []
        if strategies.isEmpty { return examples.map { _ in [] } }
        // Enough rows that the weights are shared by many, few enough that the caches stay within four gigabytes.
        let byteCount = transformer.cacheBytes(at: transformer.contextLength) * strategies.count
        let together = max(1, min(96 / strategies.count, (1 << 32) / max(1, byteCount)))
        for start in stride(from: 0, to: examples.count, by: together) {
            let some = Array(examples[start..<min(start + together, examples.count)])
            results += try runTogether(some, strategies, paths, writes: writes, finished: Double(start)) { done in
                progress(min(1, done / Double(examples.count)))
            }
        }
        answerCount += examples.count * strategies.count
        return results
    }

    private func runTogether(
        _ examples: [Int], _ strategies: [DecodeStrategy], _ paths: ForcedPaths?, writes: Bool, finished: Double,
        progress: (Double) -> Void
    ) throws(TaperError) -> [[Outcome]] {
        var results = examples.map { _ in [Outcome](repeating: Outcome(), count: strategies.count) }
        let walk = AnswerWalk(runner: self, memory: memory)
        // Prompts.
        for (slot, example) in examples.enumerated() {
            try Interrupt.check("Nothing was written")
            let comparison = try paths.map { paths throws(TaperError) in
                try PathComparison(paths, example: example, ops: ops)
            }
            for bits in Set(strategies.map(\.prefillBits)).sorted().reversed() {
                let members = strategies.indices.filter { strategies[$0].prefillBits == bits }
                let prompt = try memory.read(prompts[example], example: example, bits: bits, ops: ops)
                var states: [Int: StrategyState] = [:]
                for member in members {
                    var state = try StrategyState(strategies[member], example: example, transformer: transformer)
                    results[slot][member].schedule = state.schedule
                    if state.observes { state.observe(prompt.probability) }
                    states[member] = state
                }
                walk.add(
                    slot: slot, example: example, members: members, states: states, prompt: prompt,
                    comparison: comparison)
            }
            progress(finished + 0.3 * Double(slot + 1))
        }
        let steps = Double(maxNewTokens * (paths == nil ? 1 : 2))
        let share = 0.7 * Double(examples.count) / steps
        var done = 0.0
        func step() {
            done += share
            progress(finished + 0.3 * Double(examples.count) + done)
        }
        if paths != nil {
            for (slot, member, divergence, bits) in try walk.follow(step: step) {
                results[slot][member].divergence = divergence
                results[slot][member].pathBits = bits
            }
        }
        if writes {
            for (slot, member, answer) in try walk.write(limit: maxNewTokens, stop: stopTokens, step: step) {
                results[slot][member].answer = answer
            }
        }
        stepCount += walk.stepCount
        sharedStepCount += walk.sharedStepCount
        memory.release()
        return results
    }
}
