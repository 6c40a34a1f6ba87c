internal import Decoding

/// How the next token is drawn; names and meanings as in llama.cpp. Draws depend on these settings and the seed alone, on every
/// machine.
public struct Sampling: Hashable, Sendable {
    /// 0 takes the likeliest token, at most 100.
    public var temperature: Double
    /// Keeps the k likeliest tokens; 0 keeps all.
    public var topK: Int
    /// Keeps the fewest likeliest tokens whose probabilities add up to p; 1 keeps all.
    public var topP: Double
    /// Keeps tokens at least this likely relative to the likeliest; 0 keeps all.
    public var minP: Double
    public var seed: UInt64
    /// Divides the logits of recent tokens; 1 is off.
    public var repeatPenalty = 1.0
    /// Recent tokens, prompt included, that the penalties look at; 0 is off.
    public var repeatLastN = 64
    /// Subtracted once from the logit of every recent token.
    public var presencePenalty = 0.0
    /// Subtracted from the logit of a recent token for every time it occurs.
    public var frequencyPenalty = 0.0
    /// Added to the logits of tokens, by their ids; minus infinity forbids one.
    public var logitBias: [Int: Float] = [:]

    public init(
        temperature: Double = 0.8, topK: Int = 40, topP: Double = 0.95, minP: Double = 0.05, seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.seed = seed
    }

    /// Always the likeliest token.
    public static var greedy: Sampling { Sampling(temperature: 0) }

    /// - Parameter forbidden: tokens that are never drawn.
    func settings(forbidding forbidden: [Int]) -> SamplerSettings {
        var settings = SamplerSettings()
        settings.temperature = temperature
        settings.topK = topK
        settings.topP = topP
        settings.minP = minP
        settings.seed = seed
        settings.repeatPenalty = repeatPenalty
        settings.repeatLastN = repeatLastN
        settings.presencePenalty = presencePenalty
        settings.frequencyPenalty = frequencyPenalty
        settings.logitBias = logitBias.sorted { $0.key < $1.key }.map { .init(token: $0.key, value: $0.value) }
        settings.logitBias += forbidden.map { .init(token: $0, value: -.infinity) }
        return settings
    }
}
