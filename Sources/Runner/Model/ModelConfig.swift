public import Storage

/// The description of a decoder-only transformer that the runtime and the reference model share.
///
/// A model family is nothing but a choice of these values: neither forward pass asks for the family's name.
public struct ModelConfig: Equatable, Sendable {
    public enum Normalization: String, Sendable, CaseIterable { case rms, layer }
    public enum Activation: String, Sendable, CaseIterable { case silu, geluTanh = "gelu_tanh", gelu }

    /// What attention and MLP have normalized: what they read (LLaMA), what they write (OLMo 2), or both (Gemma 2).
    public enum NormPlacement: String, Sendable, CaseIterable { case pre, post, prePost = "pre_post" }

    /// How queries and keys are normalized before they are turned.
    public enum QueryKeyNorm: String, Sendable, CaseIterable {
        case none
        /// Every head by itself, all with one weight, [headSize] (Qwen3).
        case head
        /// Every head by itself and with a weight of its own, [heads * headSize] (StableLM 2).
        case heads
        /// All heads as one vector, [heads * headSize] (OLMo 2).
        case full
    }

    /// Name of the family for people and provenance: "llama", "mistral", "qwen2", ...
    public var family: String
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var headCount: Int
    public var kvHeadCount: Int
    /// Elements per attention head; `headCount * headSize` need not equal `hiddenSize`.
    public var headSize: Int
    public var vocabularySize: Int
    /// Positions the model was trained for.
    public var contextLength: Int
    /// One for each layer.
    public var layers: [LayerDescription]
    public var normEpsilon: Double
    public var normalization: Normalization
    public var normPlacement: NormPlacement
    public var queryKeyNorm: QueryKeyNorm
    /// Scores s become cap * tanh(s / cap) before the softmax (Gemma 2, arXiv 2408.00118, section 2); nil: as they are.
    public var attentionCap: Double?
    /// Logits l become cap * tanh(l / cap); nil: as they are.
    public var logitCap: Double?
    public var activation: Activation
    /// gate and up projections with `activation(gate) * up`, or a single up projection with `activation(up)`.
    public var gatedMLP: Bool
    /// Attention and MLP read the same normalized input and are added together (Phi), or one after the other.
    public var parallelResidual: Bool
    public var qkvBias: Bool
    public var attentionOutputBias: Bool
    public var mlpBias: Bool
    public var headBias: Bool
    /// The head is the embedding matrix.
    public var tiedEmbeddings: Bool
    public var bosToken: Int?
    /// Union of the tokenizer's, config's and generation_config's end-of-sequence tokens, ascending.
    public var eosTokens: [Int]

    public var layerCount: Int { layers.count }

    public init(
        family: String, hiddenSize: Int, intermediateSize: Int, layerCount: Int, headCount: Int, kvHeadCount: Int,
        headSize: Int, vocabularySize: Int, contextLength: Int, normEpsilon: Double, ropeTheta: Double
    ) {
        precondition(layerCount >= 0 && layerCount <= ModelConfig.layerLimit, "a layer count that was not checked")
        self.family = family
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        layers = [LayerDescription](
            repeating: LayerDescription(rotation: Rotation(theta: ropeTheta, size: headSize)), count: layerCount)
        normalization = .rms
        normPlacement = .pre
        queryKeyNorm = .none
        attentionCap = nil
        logitCap = nil
        activation = .silu
        gatedMLP = true
        parallelResidual = false
        qkvBias = false
        attentionOutputBias = false
        mlpBias = false
        headBias = false
        tiedEmbeddings = false
        bosToken = nil
        eosTokens = []
    }

    public var querySize: Int { headCount * headSize }
    public var kvSize: Int { kvHeadCount * headSize }

    public mutating func describeEveryLayer(_ change: (inout LayerDescription) -> Void) {
        for index in layers.indices { change(&layers[index]) }
    }

    /// Different rotations of the layers, in the order in which they first occur.
    public var rotations: [Rotation] {
        var all: [Rotation] = []
        for layer in layers {
            if let rotation = layer.rotation, !all.contains(rotation) { all.append(rotation) }
        }
        return all
    }

    /// A model with more would be no model, and could not even be described in memory.
    public static let layerLimit = 4096

    /// Refuses a number of layers that no model has; to be called before a description with so many is made.
    public static func checkLayerCount(_ count: Int, place: String) throws(TaperError) {
        try check(count, "num_hidden_layers", 1...layerLimit, place)
    }

    /// Refuses values no transformer can have; called on everything read from a file.
    public func validate(place: String) throws(TaperError) {
        try check(hiddenSize, "hidden_size", 1...1 << 17, place)
        try check(intermediateSize, "intermediate_size", 1...1 << 17, place)
        try check(layerCount, "num_hidden_layers", 1...ModelConfig.layerLimit, place)
        try check(headCount, "num_attention_heads", 1...65536, place)
        try check(kvHeadCount, "num_key_value_heads", 1...65536, place)
        // A rotation turns pairs.
        try check(headSize, "head_dim", 2...65536, place)
        // Kernels add up a row's products in 32 bits.
        try check(querySize, "num_attention_heads * head_dim", 1...1 << 17, place)
        try check(vocabularySize, "vocab_size", 1...1 << 21, place)
        try check(contextLength, "max_position_embeddings", 1...1 << 26, place)
        guard headCount % kvHeadCount == 0 else {
            throw TaperError(
                .badData, "num_attention_heads is not a multiple of num_key_value_heads", at: place,
                found: String(headCount) + " and " + String(kvHeadCount))
        }
        guard normEpsilon.isFinite, normEpsilon >= 0, normEpsilon < 1 else {
            throw TaperError(
                .badData, "the norms' epsilon (norm_eps) is out of range", at: place, expected: "0 to 1",
                found: shortest(normEpsilon))
        }
        for layer in layers { try validate(layer, place: place) }
        for (cap, key) in [
            (attentionCap, "attn_logit_softcapping"), (logitCap, "final_logit_softcapping"),
        ] {
            guard let cap, !(cap.isFinite && cap > 1e-3 && cap < 1e6) else { continue }
            throw TaperError(
                .badData, key + " is out of range", at: place, expected: "0.001 to 1000000", found: shortest(cap))
        }
        guard !parallelResidual || normPlacement == .pre else {
            throw TaperError(
                .badData, "parallel_residual goes with one norm before attention and MLP", at: place,
                expected: "norm_placement \"pre\"", found: normPlacement.rawValue)
        }
        for token in eosTokens + (bosToken.map { [$0] } ?? []) where token < 0 || token >= vocabularySize {
            throw TaperError(
                .badData, "a special token lies outside the vocabulary", at: place,
                expected: "0 to " + String(vocabularySize - 1), found: String(token))
        }
    }

    func validate(_ layer: LayerDescription, place: String) throws(TaperError) {
        if let window = layer.window { try check(window, "sliding_window", 1...1 << 26, place) }
        try layer.rotation?.validate(headSize: headSize, place: place)
    }

    private func check(
        _ value: Int, _ key: String, _ range: ClosedRange<Int>, _ place: String
    ) throws(TaperError) {
        try ModelConfig.check(value, key, range, place)
    }

    private static func check(_ value: Int, _ key: String, _ range: ClosedRange<Int>, _ place: String)
        throws(TaperError)
    {
        guard range.contains(value) else {
            throw TaperError(
                .badData, key + " is out of range", at: place,
                expected: String(range.lowerBound) + " to " + String(range.upperBound), found: String(value))
        }
    }
}
