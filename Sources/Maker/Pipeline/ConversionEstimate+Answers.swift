import Evaluation
import Model
import Reference
import Runtime

/// Prompts that a stage answers.
package struct PromptSizes: Equatable {
    let count: Int
    /// Tokens of the longest one.
    let longest: Int

    package init(count: Int, longest: Int) {
        self.count = count
        self.longest = longest
    }

    /// As many as a recipe asks for, with whatever the context leaves to them.
    init(atMost count: Int, newTokens: Int, _ config: ModelConfig) {
        self.init(count: count, longest: max(1, config.contextLength - newTokens))
    }
}

/// Most memory of a bundle that answers prompts at several precisions (`TaskRunner`), in bytes.
struct AnswerMemory {
    let shape: ConversionEstimate.Shape
    let prompts: PromptSizes
    let newTokens: Int
    /// Ways to answer a prompt that are tried together.
    let strategies: Int

    private var positions: Double { Double(prompts.longest + newTokens) }

    /// Keys and values of all answers that are written together.
    var sequences: Double {
        let rows = Double(max(TaskRunner.mostRows, strategies))
        let all = Double(prompts.count) * Double(strategies)
        return min(min(rows, all) * positions * shape.cache, Double(TaskRunner.cacheLimit))
    }

    /// Prompts that are kept for the next search: keys, values and a row of logits.
    var keptPrompts: Double {
        let each = Double(prompts.longest) * shape.cache + 4 * shape.vocabulary
        return min(Double(prompts.count) * each, Double(TaskRunner.keptPromptLimit))
    }

    /// Distributions along the texts of the examples at work.
    var paths: Double {
        let together = min(prompts.count, max(1, TaskRunner.mostRows / strategies))
        return 4 * Double(together) * Double(newTokens + 1) * shape.vocabulary
    }

    /// The float model's own caches, of as many answers as it writes together.
    func floatSequences(_ config: ModelConfig) -> Double {
        let one = positions * 2 * shape.cache
        let limit = max(one, Double(ReferenceModel.cacheByteLimit(config)))
        return min(Double(min(prompts.count, ReferenceModel.batchLimit)) * one, limit)
    }

    /// Buffers of a block of rows, and some rows of logits.
    var buffers: Double { 32e6 + 16 * 4 * shape.vocabulary }
}
