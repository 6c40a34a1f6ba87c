import Model
import Storage

/// A family of published models: how its files describe and name what `ModelConfig` says. Every family has a file of its own
/// beside this one; nothing outside asks for a family's name.
struct ModelFamily: Sendable {
    /// `model_type` of config.json, and the name in bundles.
    let name: String
    /// The class that `architectures` names.
    let architecture: String
    var normalization = ModelConfig.Normalization.rms
    var defaults = Defaults()
    var activationKey = "hidden_act"
    /// Keys of config.json that mean something here and nothing, or something else, elsewhere.
    var keys: Set<String> = []
    var windows = WindowRule.none
    var naming = TensorNaming.huggingFace
    /// What no key says, and the family's own keys.
    var describe: @Sendable (ConfigFields, inout ImportedModel) throws(TaperError) -> Void = { _, _ in }
    /// nil: there are no GGUF files of it.
    var gguf: GGUFFamily?

    /// Values that a configuration class gives to keys that a file leaves out.
    struct Defaults: Sendable {
        var contextLength = 2048
        /// nil: as many as query heads.
        var kvHeads: Int?
        /// nil: hiddenSize / heads.
        var headSize: Int?
        /// Of every head the part that turns; nil where the class has no such key.
        var partialRotary: Double?
        var ropeTheta = 10000.0
        /// Of layers with a window; nil: as all others.
        var localRopeTheta: Double?
        /// nil: none.
        var window: Int?
        /// nil: 1e-6 of an RMS norm, 1e-5 of a layer norm.
        var normEpsilon: Double?
        var tiedEmbeddings = false
        var activation = ModelConfig.Activation.silu
    }

    /// Which layers have the window of `sliding_window`.
    enum WindowRule: Sendable {
        case none
        /// All of them.
        case everyLayer
        /// With `use_sliding_window`: those that `layer_types` lists, or from `max_window_layers` on.
        case listed
        /// With `use_sliding_window`: those that `layer_types` lists, or that nothing turns.
        case listedOrUnturned
        /// Those that `layer_types` lists, or all but every n-th.
        case allButEvery(Int)
    }

    static let all: [ModelFamily] = [
        .llama, .mistral, .qwen2, .qwen3, .phi, .phi3, .stablelm, .gemma2, .gemma3, .olmo2,
        .smollm3, .granite,
    ]
}

/// What a config says, on its way into a `ModelConfig`.
struct ImportedModel {
    var model: ModelConfig
    var folding = WeightFolding()
    var warnings: [String] = []

    /// For a rotation that holds as far as this only.
    mutating func limitContext(to limit: Int, place: String) {
        warnings.append(
            place + ": the rotation changes with the length of the text: the context is limited to "
                + "\(limit) of \(model.contextLength) tokens, where it does not")
        model.contextLength = limit
    }
}

extension ModelFamily {
    /// Keys that `readBiases` reads.
    static let biasKeys: Set<String> = ["attention_bias", "mlp_bias"]
}

extension ModelConfig {
    /// Biases of attention and MLP as LLaMA's class names them, and many after it.
    mutating func readBiases(_ fields: ConfigFields) throws(TaperError) {
        try readAttentionBias(fields)
        mlpBias = try fields.flag("mlp_bias", default: false)
    }

    /// One flag for queries, keys, values and output.
    mutating func readAttentionBias(_ fields: ConfigFields) throws(TaperError) {
        qkvBias = try fields.flag("attention_bias", default: false)
        attentionOutputBias = qkvBias
    }
}
