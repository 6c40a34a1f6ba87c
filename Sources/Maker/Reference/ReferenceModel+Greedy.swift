public import Decoding
import Kernels
import Model
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
        let batch = DecodeBatch<FloatPlan<GreedySampler>>(
            self, places: Self.batchLimit, capacity: cachedPositionLimit)
        var next = 0
        try run(batch) { () throws(TaperError) -> (Int, Generation<FloatPlan<GreedySampler>>)? in
            guard next < prompts.count else { return nil }
            let positions = prompts[next].count + maxNewTokens
            guard batch.hasRoom(cost: positions) else { return nil }
            next += 1
            return (
                next - 1,
                Generation(
                    ReferenceSequence(config, capacity: positions), plan: FloatPlan(greedySampler),
                    prompt: prompts[next - 1], limit: maxNewTokens, stopTokens: stop, cost: positions)
            )
        } finish: { index, generation in
            results[index] = generation.tokens
        } progress: {
            progress(Double($0) / Double(prompts.count))
        }
        return results
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

    /// Bytes of all caches together.
    package static var cacheByteLimit: Int { 1 << 29 }
    private var cachedPositionLimit: Int { Self.cacheByteLimit / (config.layerCount * config.kvSize * 2 * 4) }
}
