public import Kernels
public import Scoring
public import Model
public import Reference
public import Storage

/// Divergence from the full-precision model along that model's own answers: what a candidate would have made of every step
/// of them. Unlike a score of its own answer, it does not depend on where greedy decoding happens to part.
public struct AnswerDivergence {
    private let measurement: QualityMeasurement

    /// - Parameter answers: the full-precision model's, in tokens; of an answer that ended before `maxNewTokens` the decision
    ///   to end counts as well.
    public init(
        _ prompts: TaskPrompts, answers: [[Int]], maxNewTokens: Int, reference: ReferenceModel, pool: ThreadPool,
        place: String
    ) throws(TaperError) {
        guard prompts.longestPrompt + maxNewTokens <= reference.config.contextLength else {
            throw TaperError(
                .badData, "an example's prompt and answer exceed the model's context", at: place,
                expected: "at most \(reference.config.contextLength) tokens",
                found: "\(prompts.longestPrompt) + \(maxNewTokens)",
                remedy: "Shorten the example or \(field("max_new_tokens"))")
        }
        var windows: [PerplexityProtocol.Window] = []
        for (index, (prompt, answer)) in zip(prompts.prompts, answers).enumerated() {
            guard !prompt.isEmpty else {
                throw TaperError(.badData, "the example has no prompt", at: place + ": example \(index + 1)")
            }
            // The last token is only there to be predicted: which one it is does not change a distribution before it.
            let end = answer.count < maxNewTokens ? [prompts.stopTokens.first ?? prompt[0]] : []
            windows.append(
                PerplexityProtocol.Window(
                    tokens: prompt + answer + end, firstPredicted: prompt.count, promptCount: prompt.count))
        }
        measurement = QualityMeasurement(
            windows: windows,
            reference: try ReferenceStates(reference, sequences: windows.map(\.tokens)), pool: pool)
    }

    /// Tokens of the longest prompt and answer.
    public var longest: Int { measurement.windows.map(\.tokens.count).max() ?? 0 }

    /// Mean over the examples of the mean precision of their decode steps; an example of none counts with the first precision.
    public func averageBits(_ schedule: PrecisionSchedule) -> Double {
        let means = measurement.windows.indices.map { example in
            let steps = max(1, stepCount(example))
            return Double((0..<steps).reduce(0) { $0 + schedule.bits(atStep: $1).hundredths }) / Double(100 * steps)
        }
        return means.reduce(0, +) / Double(means.count)
    }

    /// Decode steps that example `index` takes: all but the last token are fed back.
    public func stepCount(_ index: Int) -> Int {
        let window = measurement.windows[index]
        return window.tokens.count - window.promptCount - 1
    }

    /// Mean divergence of every example, by schedule of a bundle, or of one checkpoint.
    public func run(
        _ candidate: QualityMeasurement.Candidate, progress: (Double) -> Void
    ) throws(TaperError) -> [MetricScores] {
        let results = try measurement.run(candidate, includingReference: false, progress: progress)
        return results.map { result in
            var scores = MetricScores(.kl)
            var divergences = result.comparison.divergences[...]
            for window in measurement.windows {
                let count = window.tokens.count - window.firstPredicted
                scores.append(MetricTally(score: divergences.prefix(count).reduce(0, +) / Double(count)))
                divergences = divergences.dropFirst(count)
            }
            return scores
        }
    }

    /// States of another checkpoint on the same tokens.
    public func states(of model: ReferenceModel) throws(TaperError) -> ReferenceStates {
        try ReferenceStates(model, sequences: measurement.windows.map(\.tokens))
    }
}
