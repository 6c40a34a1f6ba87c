public import Storage

// The manifest's "model" object: Hugging Face spelling on disk. What later versions added is written only where it says
// something, so that a model of the first version keeps its bytes.
extension ModelConfig {
    public var json: JSONValue {
        let shared = sharedDescription
        var members: [JSONValue.Member] = [
            .init("family", .string(family)),
            .init("hidden_size", .integer(hiddenSize)),
            .init("intermediate_size", .integer(intermediateSize)),
            .init("num_hidden_layers", .integer(layerCount)),
            .init("num_attention_heads", .integer(headCount)),
            .init("num_key_value_heads", .integer(kvHeadCount)),
            .init("head_dim", .integer(headSize)),
            .init("vocab_size", .integer(vocabularySize)),
            .init("max_position_embeddings", .integer(contextLength)),
            .init("norm_eps", .number(normEpsilon)),
            .init("rope_theta", .number(shared.rotation.theta)),
            .init("rotary_dim", .integer(shared.rotation.size)),
            .init("normalization", .string(normalization.rawValue)),
            .init("hidden_act", .string(activation.rawValue)),
            .init("gated_mlp", .bool(gatedMLP)),
            .init("parallel_residual", .bool(parallelResidual)),
            .init("qkv_bias", .bool(qkvBias)),
            .init("output_bias", .bool(attentionOutputBias && mlpBias && headBias)),
            .init("tie_word_embeddings", .bool(tiedEmbeddings)),
            .init("bos_token_id", bosToken.map { .integer($0) } ?? .null),
            .init("eos_token_id", .array(eosTokens.map { .integer($0) })),
        ]
        if let window = shared.window { members.append(.init("sliding_window", .integer(window))) }
        if let scaling = shared.rotation.scalingJSON { members.append(.init("rope_scaling", scaling)) }
        if attentionOutputBias != mlpBias || mlpBias != headBias {
            members.append(.init("attention_output_bias", .bool(attentionOutputBias)))
            members.append(.init("mlp_bias", .bool(mlpBias)))
            members.append(.init("head_bias", .bool(headBias)))
        }
        if normPlacement != .pre { members.append(.init("norm_placement", .string(normPlacement.rawValue))) }
        if queryKeyNorm != .none { members.append(.init("qk_norm", .string(queryKeyNorm.rawValue))) }
        if let attentionCap { members.append(.init("attn_logit_softcapping", .number(attentionCap))) }
        if let logitCap { members.append(.init("final_logit_softcapping", .number(logitCap))) }
        let base = LayerDescription(window: shared.window, rotation: shared.rotation)
        if layers.contains(where: { $0 != base }) {
            members.append(.init("layers", .array(layers.map { $0.json(differingFrom: base) })))
        }
        return .object(members)
    }

    /// Whether a program of the first version, which ignores keys that it does not know, would compute something else.
    public var exceedsFirstVersion: Bool {
        let base = LayerDescription(window: sharedDescription.window, rotation: sharedDescription.rotation)
        return attentionOutputBias != mlpBias || mlpBias != headBias || normPlacement != .pre || queryKeyNorm != .none
            || attentionCap != nil || logitCap != nil || layers.contains { $0 != base }
    }

    /// What the object says of all layers at once: the first layer's, and the first rotation there is.
    private var sharedDescription: (window: Int?, rotation: Rotation) {
        (layers.first?.window, rotations.first ?? Rotation(theta: 10000, size: max(2, headSize / 2 * 2)))
    }

    private static let keys: Set<String> = [
        "family", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings", "norm_eps", "rope_theta",
        "rotary_dim", "normalization", "hidden_act", "gated_mlp", "parallel_residual", "qkv_bias", "output_bias",
        "tie_word_embeddings", "bos_token_id", "eos_token_id", "sliding_window", "rope_scaling",
        "attention_output_bias", "mlp_bias", "head_bias", "norm_placement", "qk_norm", "attn_logit_softcapping",
        "final_logit_softcapping", "layers",
    ]

    /// - Throws: `badData` naming the key that is missing, of the wrong type or out of range; `unsupported` for one that nobody
    ///   here knows, since it may change what the model computes.
    public init(json: JSONValue, place: String) throws(TaperError) {
        let fields = ModelFields(json: json, place: place)
        try fields.refuseOthers(than: ModelConfig.keys)
        let layerCount = try fields.integer("num_hidden_layers")
        try ModelConfig.checkLayerCount(layerCount, place: place)
        self.init(
            family: try fields.text("family"), hiddenSize: try fields.integer("hidden_size"),
            intermediateSize: try fields.integer("intermediate_size"), layerCount: layerCount,
            headCount: try fields.integer("num_attention_heads"),
            kvHeadCount: try fields.integer("num_key_value_heads"), headSize: try fields.integer("head_dim"),
            vocabularySize: try fields.integer("vocab_size"),
            contextLength: try fields.integer("max_position_embeddings"), normEpsilon: try fields.number("norm_eps"),
            ropeTheta: try fields.number("rope_theta"))
        guard let normalization = Normalization(rawValue: try fields.text("normalization")) else {
            throw fields.wrong("normalization", "\"rms\" or \"layer\"")
        }
        guard let activation = Activation(rawValue: try fields.text("hidden_act")) else {
            throw fields.wrong("hidden_act", "\"silu\", \"gelu_tanh\" or \"gelu\"")
        }
        self.normalization = normalization
        self.activation = activation
        gatedMLP = try fields.flag("gated_mlp")
        parallelResidual = try fields.flag("parallel_residual")
        qkvBias = try fields.flag("qkv_bias")
        let outputBias = try fields.flag("output_bias")
        attentionOutputBias = try fields.flag("attention_output_bias", default: outputBias)
        mlpBias = try fields.flag("mlp_bias", default: outputBias)
        headBias = try fields.flag("head_bias", default: outputBias)
        tiedEmbeddings = try fields.flag("tie_word_embeddings")
        if fields.has("bos_token_id") { bosToken = try fields.integer("bos_token_id") }
        guard let ends = json["eos_token_id"]?.array else { throw fields.wrong("eos_token_id", "an array of integers") }
        for end in ends {
            guard let token = end.integer else { throw fields.wrong("eos_token_id", "an array of integers") }
            eosTokens.append(token)
        }
        if json["norm_placement"] != nil {
            guard let placement = NormPlacement(rawValue: try fields.text("norm_placement")) else {
                throw fields.wrong("norm_placement", "\"pre\", \"post\" or \"pre_post\"")
            }
            normPlacement = placement
        }
        if json["qk_norm"] != nil {
            guard let norm = QueryKeyNorm(rawValue: try fields.text("qk_norm")) else {
                throw fields.wrong("qk_norm", "\"none\", \"head\", \"heads\" or \"full\"")
            }
            queryKeyNorm = norm
        }
        if fields.has("attn_logit_softcapping") { attentionCap = try fields.number("attn_logit_softcapping") }
        if fields.has("final_logit_softcapping") { logitCap = try fields.number("final_logit_softcapping") }

        let shared = LayerDescription(window: try fields.window(), rotation: try Rotation(fields))
        describeEveryLayer { $0 = shared }
        if let list = json["layers"] {
            guard let items = list.array, items.count == layerCount else {
                throw fields.wrong("layers", "an array of num_hidden_layers objects")
            }
            for (index, item) in items.enumerated() {
                layers[index] = try LayerDescription(
                    json: item, differingFrom: shared, place: place + ": layers[" + String(index) + "]")
            }
        }
        try validate(place: place)
    }
}
