import Decoding
import Kernels
import Model
import Runtime
import Storage

/// Answers to several examples under many strategies, or the same strategies led along texts, in one batch: strategies share
/// their work until they part.
final class AnswerWalk {
    /// An example read at one precision, and the strategies that start from it.
    struct Root {
        let slot: Int
        let prefillBits: Precision
        let tokens: [Int]
        let members: [(index: Int, state: StrategyState)]
        let prompt: ReadPrompt
    }

    private let memory: PromptMemory
    private let operations: VectorOps
    private let batch: DecodeBatch<AnswerPlan>
    /// At work, those included that have just ended.
    private var working: [Generation<AnswerPlan>] = []
    private(set) var finished: [Generation<AnswerPlan>] = []
    /// Decode steps run, and those that sharing saved.
    private(set) var stepCount = 0
    private(set) var sharedStepCount = 0

    /// Sequences of prompts that their owner needs again.
    private let kept: [TokenSequence]

    /// - Parameters:
    ///   - rows: that a step has at most, when every strategy has parted from the others.
    ///   - kept: sequences that stay with their owner; all others go back to the memory when their answers end.
    init(_ memory: PromptMemory, rows: Int, keeping kept: [TokenSequence] = []) {
        self.memory = memory
        self.kept = kept
        operations = VectorOps(memory.engine.pool)
        batch = DecodeBatch(memory.engine, capacity: rows)
    }

    func hasRoom(strategies: Int) -> Bool { batch.hasRoom(cost: strategies) }

    /// Writes answers, of the likeliest tokens or of drawn ones.
    func write(_ root: Root, limit: Int, stop: [Int], drawing drawn: Sampler? = nil)
        throws(TaperError)
    {
        try add(root, limit: limit, stop: stop, AnswerSampler(operations, drawing: drawn))
    }

    /// Follows a text.
    func follow(_ root: Root, _ comparison: PathComparison) throws(TaperError) {
        // One more than the text has: the model's choice after its last token is compared as well.
        try add(
            root, limit: comparison.tokens.count + 1, stop: [], AnswerSampler(operations, following: comparison))
    }

    private func add(_ root: Root, limit: Int, stop: [Int], _ sampler: AnswerSampler) throws(TaperError) {
        let plan = AnswerPlan(
            slot: root.slot, prefillBits: root.prefillBits, members: root.members, sampler: sampler)
        let generation = Generation(
            root.prompt.sequence, plan: plan, prompt: root.tokens, limit: limit, stopTokens: stop,
            cost: root.members.count)
        try batch.admit(generation, logits: root.prompt.logits)
        working.append(generation)
    }

    /// One step of all: strategies that want different precisions part before it. What has ended is in `finished`.
    /// - Returns: whether there is more to do.
    func advance() throws(TaperError) -> Bool {
        try Interrupt.check("Nothing was written")
        for generation in batch.live where generation.isDecoding {
            for part in generation.plan.divide(atStep: generation.bitsPerStep.count) {
                let twin = Generation(
                    forking: generation, into: try memory.makeTwin(of: generation.sequence), plan: part,
                    cost: part.members.count)
                batch.admit(twin: twin)
                working.append(twin)
            }
        }
        for generation in batch.live where generation.isDecoding {
            stepCount += 1
            sharedStepCount += generation.plan.members.count - 1
        }
        try batch.tick()
        for generation in working {
            if let failure = generation.failure { throw failure }
            guard generation.stopReason != nil else {
                generation.plan.observe()
                continue
            }
            finished.append(generation)
            if !kept.contains(where: { $0 === generation.sequence }) { memory.release(generation.sequence) }
        }
        working.removeAll { $0.stopReason != nil }
        return !batch.isEmpty
    }

    /// Examples at work, and how many tokens their slowest strategy has written.
    var tokensBySlot: [Int: Int] {
        var tokens: [Int: Int] = [:]
        for generation in working {
            tokens[generation.plan.slot] = min(
                tokens[generation.plan.slot] ?? Int.max, generation.tokens.count)
        }
        return tokens
    }
}
