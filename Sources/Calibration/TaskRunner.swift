public import Bundle
public import Evaluation
public import Kernels
public import Model
public import Runtime
public import Storage
import Text

/// Greedy answers of one bundle to the examples of a task under many schedules, sharing all work that schedules have in
/// common: the prefill once per example, and decode steps up to the first one at which two schedules differ.
public final class TaskRunner {
    public struct Answer: Sendable {
        public var tokens: [Int]
        /// What the answer was decoded along; it may end before.
        public var schedule: PrecisionSchedule
        /// Bits of every decode step taken.
        public var bits: [Precision]
        public var averageBits: Double { Precision.mean(bits) ?? 0 }
    }

    let transformer: Transformer
    let rendered: TaskPrompts
    let ops: VectorOps
    let maxNewTokens: Int
    public var prompts: [[Int]] { rendered.prompts }
    /// Reference texts of every example, at least one each.
    public var references: [[String]] { rendered.references }
    var stopTokens: [Int] { rendered.stopTokens }
    /// Decode steps actually run, and those that sharing saved.
    public private(set) var stepCount = 0
    public private(set) var sharedStepCount = 0

    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public convenience init(
        bundle: Bundle, examples: [TaskExample], maxNewTokens: Int, pool: ThreadPool, place: String
    ) throws(TaperError) {
        try self.init(
            bundle: bundle, prompts: try TaskPrompts(.bundle(bundle), examples: examples, place: place),
            maxNewTokens: maxNewTokens, pool: pool, place: place)
    }

    /// - Throws: `badData` when a prompt and its answer do not fit the context.
    public init(
        bundle: Bundle, prompts: TaskPrompts, maxNewTokens: Int, pool: ThreadPool, place: String
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
        ops = VectorOps(pool)
        self.maxNewTokens = maxNewTokens
    }

    /// Bytes of weights that a decode step reads.
    public func bytesPerToken(bits: Precision) -> Int { transformer.bytesPerToken(bits: bits) }

    public func text(_ answer: Answer) -> String { rendered.tokenizer.decode(answer.tokens, skipSpecial: true) }

    private func best(_ logits: UnsafeBufferPointer<Float>) -> Int {
        logits.baseAddress.map { ops.argmax($0, count: logits.count) } ?? 0
    }

    /// The last layer's states after the prompt of the example answered last.
    func lastLayerStates(_ index: Int, window: Int) -> LayerStates {
        transformer.lastLayerStates(positions: prompts[index].count, window: window)
    }

    /// Answers to example `index` under every schedule, in the order given; those of one prefill precision should follow
    /// one another.
    public func answers(_ index: Int, schedules: [PrecisionSchedule]) throws(TaperError) -> [Answer] {
        try answers(index, schedulers: schedules.map { .fixed($0) })
    }

    /// The same where the schedule may depend on the prompt.
    public func answers(_ index: Int, schedulers: [DecodeScheduler]) throws(TaperError) -> [Answer] {
        guard let first = schedulers.first else { return [] }
        let prompt = prompts[index]
        var prefillBits = first.prefillBits
        transformer.truncate(to: 0)
        var firstToken = best(try transformer.forward(prompt, bits: prefillBits))
        var trail: Answer?
        var result: [Answer] = []
        for scheduler in schedulers {
            try Interrupt.check("Nothing was written")
            if scheduler.prefillBits != prefillBits {
                prefillBits = scheduler.prefillBits
                transformer.truncate(to: 0)
                firstToken = best(try transformer.forward(prompt, bits: prefillBits))
                trail = nil
            }
            let schedule = scheduler.schedule(
                after: transformer, positions: prompt.count, maxNewTokens: maxNewTokens)
            // Steps that both take at the same precision give the same tokens and the same cache.
            var shared = 0
            var answer = Answer(
                tokens: stopTokens.contains(firstToken) ? [] : [firstToken], schedule: schedule, bits: [])
            if let trail {
                while shared < trail.bits.count && schedule.bits(atStep: shared) == trail.bits[shared] { shared += 1 }
                sharedStepCount += shared
                if shared == trail.bits.count {
                    answer.tokens = trail.tokens
                    answer.bits = trail.bits
                    result.append(answer)
                    continue
                }
                answer.tokens = Array(trail.tokens.prefix(shared + 1))
                answer.bits = Array(trail.bits.prefix(shared))
            }
            transformer.truncate(to: prompt.count + answer.bits.count)
            while let token = answer.tokens.last, answer.tokens.count < maxNewTokens {
                let bits = schedule.bits(atStep: answer.bits.count)
                let next = best(try transformer.forward(token, bits: bits))
                answer.bits.append(bits)
                stepCount += 1
                if stopTokens.contains(next) { break }
                answer.tokens.append(next)
            }
            trail = answer
            result.append(answer)
        }
        return result
    }
}
