public import Decoding
import Kernels
package import Model
public import Storage

extension ReferenceModel {
    /// The most likely continuation, token by token, until a stop token or the limit; the stop token is not returned.
    public func greedy(_ prompt: [Int], maxNewTokens: Int, stop: [Int]) throws(TaperError) -> [Int] {
        try greedy([prompt], maxNewTokens: maxNewTokens, stop: stop).first ?? []
    }

    /// The same for several prompts, decoded together: every step reads each weight once for all of them.
    ///
    /// - Parameter progress: hears the share of prompts that are finished.
    public func greedy(
        _ prompts: [[Int]], maxNewTokens: Int, stop: [Int], progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> [[Int]] {
        var results = [[Int]](repeating: [], count: prompts.count)
        if maxNewTokens <= 0 { return results }
        try answer(prompts, limit: maxNewTokens, stop: stop, progress: progress) { results[$0] = $1.tokens }
        return results
    }

    /// Answers prompts together: whoever has ended makes room for the next prompt.
    ///
    /// - Parameters:
    ///   - keepsStates: of what is read after the prompt's last token.
    ///   - progress: hears the share of answers that have ended.
    ///   - each: hears of each that has ended, whose memory goes afterwards.
    public func answer(
        _ prompts: [[Int]], limit: Int, stop: [Int], keepsStates: Bool = false, progress: (Double) -> Void = { _ in },
        each: (_ prompt: Int, Generation<FloatPlan<GreedySampler>>) -> Void
    ) throws(TaperError) {
        let batch = DecodeBatch<FloatPlan<GreedySampler>>(
            self, places: Self.batchLimit, capacity: Self.cacheByteLimit(config) / Self.cacheBytes(config))
        var next = 0
        try run(batch) { () throws(TaperError) -> (Int, Generation<FloatPlan<GreedySampler>>)? in
            guard next < prompts.count else { return nil }
            let positions = prompts[next].count + limit
            guard batch.hasRoom(cost: positions) else { return nil }
            next += 1
            return (
                next - 1,
                Generation(
                    ReferenceSequence(config, capacity: positions, keepsStates: keepsStates),
                    plan: FloatPlan(greedySampler), prompt: prompts[next - 1], limit: limit, stopTokens: stop,
                    cost: positions)
            )
        } finish: {
            each($0, $1)
        } progress: {
            progress(Double($0) / Double(prompts.count))
        }
    }

    /// Continues what generations' sequences hold, all together.
    public func write(_ generations: [Generation<FloatPlan<GreedySampler>>]) throws(TaperError) {
        var left = generations[...]
        try run(DecodeBatch(self)) {
            left.popFirst().map { (0, $0) }
        } finish: { _, _ in
        } progress: { _ in
        }
    }

    /// Runs a batch until `next` has no more and all have ended. Places that became free go to the next generations.
    ///
    /// - Parameters:
    ///   - next: a generation and its number; nil while there is no room, or for good.
    ///   - finish: hears of each that has ended, whose memory goes afterwards.
    ///   - progress: hears how many have ended, after every step.
    func run<Sampler>(
        _ batch: DecodeBatch<FloatPlan<Sampler>>,
        next: () throws(TaperError) -> (Int, Generation<FloatPlan<Sampler>>)?,
        finish: (Int, Generation<FloatPlan<Sampler>>) -> Void, progress: (Int) -> Void
    ) throws(TaperError) {
        var working: [(index: Int, generation: Generation<FloatPlan<Sampler>>)] = []
        var finished = 0
        while true {
            try Interrupt.check("Nothing was written")
            while let (index, generation) = try next() {
                try batch.admit(generation)
                working.append((index, generation))
            }
            if batch.isEmpty { return }
            try batch.tick()
            for (index, generation) in working {
                if let failure = generation.failure { throw failure }
                // Answers are to be whole.
                if generation.stopReason == .contextFull {
                    throw TaperError(
                        .usage, "prompt and new tokens exceed the model's context", at: "",
                        expected: "at most \(generation.sequence.capacity) tokens")
                }
                if generation.stopReason != nil {
                    finish(index, generation)
                    finished += 1
                }
            }
            working.removeAll { $0.generation.stopReason != nil }
            progress(finished)
        }
    }

    /// What greedy generations choose by.
    public var greedySampler: GreedySampler { GreedySampler(arithmetic.ops) }

    /// Sequences decoded together: from here on a step's time is arithmetic, no longer the reading of weights.
    package static var batchLimit: Int { 64 }

    /// Bytes of all caches together: 512 MB, or of a large model a quarter of its weights as floats.
    package static func cacheByteLimit(_ config: ModelConfig) -> Int {
        let weights = config.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) }
        return max(1 << 29, weights)
    }

    /// Of one position.
    private static func cacheBytes(_ config: ModelConfig) -> Int { config.layerCount * config.kvSize * 2 * 4 }
}
