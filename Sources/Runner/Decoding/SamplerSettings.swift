public import Storage

/// How the next token is drawn; names and meanings as in llama.cpp.
public struct SamplerSettings: Sendable {
    public struct Bias: Sendable {
        public var token: Int
        /// Added to the token's logit; minus infinity forbids it.
        public var value: Float
        public init(token: Int, value: Float) {
            self.token = token
            self.value = value
        }
    }

    /// 0 is greedy: the token with the largest logit, the smallest id among equals.
    public var temperature: Double = 0
    /// Keep the k likeliest tokens; 0 keeps all.
    public var topK = 40
    /// Keep the fewest likeliest tokens whose probabilities add up to p; 1 keeps all.
    public var topP: Double = 0.95
    /// Keep tokens at least this likely relative to the likeliest; 0 keeps all.
    public var minP: Double = 0.05
    /// Divides positive and multiplies negative logits of recent tokens (CTRL, arXiv 1909.05858); 1 is off.
    public var repeatPenalty: Double = 1
    /// Recent tokens, prompt included, that the three penalties look at; 0 is off.
    public var repeatLastN = 64
    /// Subtracted once from the logit of every recent token.
    public var presencePenalty: Double = 0
    /// Subtracted from the logit of a recent token for every time it occurs.
    public var frequencyPenalty: Double = 0
    public var logitBias: [Bias] = []
    public var seed: UInt64 = 0

    public init() {}

    public static var greedy: SamplerSettings { SamplerSettings() }

    var penalizes: Bool {
        repeatLastN > 0 && (repeatPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0)
    }

    /// Whether logits are changed before anything is drawn.
    var adjusts: Bool { !logitBias.isEmpty || penalizes }

    /// - Throws: `usage` naming the field whose value makes no sense.
    public func validate(vocabularySize: Int) throws(TaperError) {
        func require(_ ok: Bool, _ name: String, _ expected: String, _ found: String) throws(TaperError) {
            if !ok { throw TaperError(.usage, "value out of range", at: field(name), expected: expected, found: found) }
        }
        func number(_ value: Double, _ range: ClosedRange<Double>, _ name: String) throws(TaperError) {
            // Shortest, 100 would be 1e+02.
            func bound(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : shortest(value) }
            try require(
                range.contains(value), name, bound(range.lowerBound) + " to " + bound(range.upperBound),
                shortest(value))
        }
        try number(temperature, 0...100, "temperature")
        try require(topK >= 0, "top_k", "0 (off) or more", String(topK))
        try require(topP > 0 && topP <= 1, "top_p", "above 0, at most 1", shortest(topP))
        try number(minP, 0...1, "min_p")
        try number(repeatPenalty, 0.01...100, "repeat_penalty")
        try number(presencePenalty, -100...100, "presence_penalty")
        try number(frequencyPenalty, -100...100, "frequency_penalty")
        try require(repeatLastN >= 0, "repeat_last_n", "0 (off) or more", String(repeatLastN))
        for bias in logitBias {
            try require(
                bias.token >= 0 && bias.token < vocabularySize, "logit_bias",
                "a token id below " + String(vocabularySize), String(bias.token))
            try require(
                !bias.value.isNaN && bias.value != .infinity, "logit_bias", "a finite bias or -inf", "no number")
        }
    }
}
