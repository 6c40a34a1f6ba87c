import Decoding

/// Answers drawn at a temperature, in place of the likeliest token at every step: several samples of one example.
///
/// A sample of an example draws the same numbers under every strategy, one a step, so that answers differ by what the precisions
/// do and not by luck, and strategies share their work until they part as they do for greedy answers.
public struct AnswerSampling: Sendable {
    public let temperature: Double
    /// Which sample, from 0 on.
    public let sample: Int
    /// Of the nucleus, as for HumanEval (Chen et al. 2021, section 3.2).
    public static let topP = 0.95

    public init(temperature: Double, sample: Int) {
        precondition(temperature > 0 && sample >= 0, "greedy answers are no samples")
        self.temperature = temperature
        self.sample = sample
    }

    func sampler(example: Int) -> Sampler {
        var settings = SamplerSettings()
        settings.temperature = temperature
        settings.topK = 0
        settings.topP = Self.topP
        settings.minP = 0
        // Neighbouring seeds are as good as any: the generator mixes them.
        settings.seed = UInt64(example) << 32 | UInt64(sample)
        return Sampler(settings)
    }
}
