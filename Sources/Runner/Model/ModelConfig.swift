public import Storage

/// The description of a decoder-only transformer that the runtime and the reference model share.
///
/// A model family is nothing but a choice of these values: neither forward pass asks for the family's name.
public struct ModelConfig: Equatable, Sendable {
    public enum Normalization: String, Sendable, CaseIterable { case rms, layer }
    public enum Activation: String, Sendable, CaseIterable { case silu, geluTanh = "gelu_tanh", gelu }

    /// Name of the family for people and provenance: "llama", "mistral", "qwen2", ...
    public var family: String
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var kvHeadCount: Int
    /// Elements per attention head; `headCount * headSize` need not equal `hiddenSize`.
    public var headSize: Int
    public var vocabularySize: Int
    /// Positions the model was trained for.
    public var contextLength: Int
    public var normEpsilon: Double
    public var ropeTheta: Double
    /// Leading elements of each head that RoPE rotates, as pairs (i, i + rotarySize / 2); even.
    public var rotarySize: Int
    public var ropeScaling: RopeScaling
    public var normalization: Normalization
    public var activation: Activation
    /// gate and up projections with `activation(gate) * up`, or a single up projection with `activation(up)`.
    public var gatedMLP: Bool
    /// Attention and MLP read the same normalized input and are added together (Phi), or one after the other.
    public var parallelResidual: Bool
    public var qkvBias: Bool
    /// Biases of the attention output, MLP projections and head (Phi).
    public var outputBias: Bool
    /// The head is the embedding matrix.
    public var tiedEmbeddings: Bool
    /// Positions a token sees, itself included; nil for all (Mistral 7B, section 2).
    public var slidingWindow: Int?
    public var bosToken: Int?
    /// Union of the tokenizer's, config's and generation_config's end-of-sequence tokens, ascending.
    public var eosTokens: [Int]

    /// Changes of the rotation frequencies for contexts longer than the trained one.
    public enum RopeScaling: Equatable, Sendable {
        case none
        /// Positions divided by `factor`.
        case linear(factor: Double)
        /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth ramp between.
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalContext: Double)
    }

    public init(
        family: String, hiddenSize: Int, intermediateSize: Int, layerCount: Int, headCount: Int, kvHeadCount: Int,
        headSize: Int, vocabularySize: Int, contextLength: Int, normEpsilon: Double, ropeTheta: Double
    ) {
        self.family = family
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        self.ropeTheta = ropeTheta
        rotarySize = headSize
        ropeScaling = .none
        normalization = .rms
        activation = .silu
        gatedMLP = true
        parallelResidual = false
        qkvBias = false
        outputBias = false
        tiedEmbeddings = false
        slidingWindow = nil
        bosToken = nil
        eosTokens = []
    }

    public var querySize: Int { headCount * headSize }
    public var kvSize: Int { kvHeadCount * headSize }

    /// Rotation per position of pair i, i in 0 ..< rotarySize / 2, in radians:
    /// theta^(-2i / rotarySize), then scaled (RoFormer eq. 15; Llama 3.1 for the ramp).
    public func ropeFrequencies() -> [Double] {
        (0..<rotarySize / 2).map { pair in
            let base = 1 / power(ropeTheta, Double(2 * pair) / Double(rotarySize))
            switch ropeScaling {
            case .none: return base
            case .linear(let factor): return base / factor
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / base
                if wavelength < original / high { return base }
                if wavelength > original / low { return base / factor }
                let smooth = (original / wavelength - low) / (high - low)
                return (1 - smooth) * base / factor + smooth * base
            }
        }
    }

    /// Refuses values no transformer can have; called on everything read from a file.
    public func validate(place: String) throws(TaperError) {
        try check(hiddenSize, "hidden_size", 1...1 << 17, place)
        try check(intermediateSize, "intermediate_size", 1...1 << 17, place)
        try check(layerCount, "num_hidden_layers", 1...4096, place)
        try check(headCount, "num_attention_heads", 1...65536, place)
        try check(kvHeadCount, "num_key_value_heads", 1...65536, place)
        try check(headSize, "head_dim", 1...65536, place)
        // Kernels add up a row's products in 32 bits.
        try check(querySize, "num_attention_heads * head_dim", 1...1 << 17, place)
        try check(vocabularySize, "vocab_size", 1...1 << 21, place)
        try check(contextLength, "max_position_embeddings", 1...1 << 26, place)
        guard headCount % kvHeadCount == 0 else {
            throw TaperError(
                .badData, "num_attention_heads is not a multiple of num_key_value_heads", at: place,
                found: String(headCount) + " and " + String(kvHeadCount))
        }
        guard rotarySize >= 2, rotarySize <= headSize, rotarySize % 2 == 0 else {
            throw TaperError(
                .badData, "the rotary size must be even and at most head_dim", at: place, expected: String(headSize),
                found: String(rotarySize))
        }
        guard normEpsilon.isFinite, normEpsilon >= 0, normEpsilon < 1 else {
            throw TaperError(
                .badData, "norm_eps is out of range", at: place, expected: "0 to 1", found: shortest(normEpsilon))
        }
        guard ropeTheta.isFinite, ropeTheta > 1 else {
            throw TaperError(
                .badData, "rope_theta is out of range", at: place, expected: "a finite number above 1",
                found: shortest(ropeTheta))
        }
        if let slidingWindow { try check(slidingWindow, "sliding_window", 1...1 << 26, place) }
        for token in eosTokens + (bosToken.map { [$0] } ?? []) where token < 0 || token >= vocabularySize {
            throw TaperError(
                .badData, "a special token lies outside the vocabulary", at: place,
                expected: "0 to " + String(vocabularySize - 1), found: String(token))
        }
    }

    private func check(_ value: Int, _ key: String, _ range: ClosedRange<Int>, _ place: String) throws(TaperError) {
        guard range.contains(value) else {
            throw TaperError(
                .badData, key + " is out of range", at: place,
                expected: String(range.lowerBound) + " to " + String(range.upperBound), found: String(value))
        }
    }
}
