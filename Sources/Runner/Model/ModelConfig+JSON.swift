public import Storage

// The manifest's "model" object: Hugging Face spelling on disk.
extension ModelConfig {
    public var json: JSONValue {
        var scaling: [JSONValue.Member] = []
        switch ropeScaling {
        case .none: break
        case .linear(let factor): scaling = [.init("rope_type", .string("linear")), .init("factor", .number(factor))]
        case .llama3(let factor, let low, let high, let original):
            scaling = [
                .init("rope_type", .string("llama3")), .init("factor", .number(factor)),
                .init("low_freq_factor", .number(low)), .init("high_freq_factor", .number(high)),
                .init("original_max_position_embeddings", .number(original)),
            ]
        }
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
            .init("rope_theta", .number(ropeTheta)),
            .init("rotary_dim", .integer(rotarySize)),
            .init("normalization", .string(normalization.rawValue)),
            .init("hidden_act", .string(activation.rawValue)),
            .init("gated_mlp", .bool(gatedMLP)),
            .init("parallel_residual", .bool(parallelResidual)),
            .init("qkv_bias", .bool(qkvBias)),
            .init("output_bias", .bool(outputBias)),
            .init("tie_word_embeddings", .bool(tiedEmbeddings)),
            .init("bos_token_id", bosToken.map { .integer($0) } ?? .null),
            .init("eos_token_id", .array(eosTokens.map { .integer($0) })),
        ]
        if let slidingWindow { members.append(.init("sliding_window", .integer(slidingWindow))) }
        if !scaling.isEmpty { members.append(.init("rope_scaling", .object(scaling))) }
        return .object(members)
    }

    /// - Throws: `badData` naming the key that is missing, of the wrong type or out of range.
    public init(json: JSONValue, place: String) throws(TaperError) {
        func integer(_ key: String) throws(TaperError) -> Int {
            guard let value = json[key]?.integer else { throw wrong(key, "an integer") }
            return value
        }
        func number(_ object: JSONValue, _ key: String) throws(TaperError) -> Double {
            guard let value = object[key]?.double else { throw wrong(key, "a number") }
            return value
        }
        func flag(_ key: String) throws(TaperError) -> Bool {
            guard let value = json[key]?.bool else { throw wrong(key, "true or false") }
            return value
        }
        func text(_ key: String) throws(TaperError) -> String {
            guard let value = json[key]?.string else { throw wrong(key, "a string") }
            return value
        }
        func wrong(_ key: String, _ expected: String) -> TaperError {
            TaperError(
                .badData, key + " has no usable value", at: place, expected: expected,
                found: json[key]?.kind ?? "nothing")
        }
        self.init(
            family: try text("family"), hiddenSize: try integer("hidden_size"),
            intermediateSize: try integer("intermediate_size"), layerCount: try integer("num_hidden_layers"),
            headCount: try integer("num_attention_heads"), kvHeadCount: try integer("num_key_value_heads"),
            headSize: try integer("head_dim"), vocabularySize: try integer("vocab_size"),
            contextLength: try integer("max_position_embeddings"), normEpsilon: try number(json, "norm_eps"),
            ropeTheta: try number(json, "rope_theta"))
        rotarySize = try integer("rotary_dim")
        guard let normalization = Normalization(rawValue: try text("normalization")) else {
            throw wrong("normalization", "\"rms\" or \"layer\"")
        }
        guard let activation = Activation(rawValue: try text("hidden_act")) else {
            throw wrong("hidden_act", "\"silu\", \"gelu_tanh\" or \"gelu\"")
        }
        self.normalization = normalization
        self.activation = activation
        gatedMLP = try flag("gated_mlp")
        parallelResidual = try flag("parallel_residual")
        qkvBias = try flag("qkv_bias")
        outputBias = try flag("output_bias")
        tiedEmbeddings = try flag("tie_word_embeddings")
        if let bos = json["bos_token_id"], !bos.isNull {
            guard let token = bos.integer else { throw wrong("bos_token_id", "an integer or null") }
            bosToken = token
        }
        if let window = json["sliding_window"], !window.isNull {
            guard let size = window.integer else { throw wrong("sliding_window", "an integer or null") }
            slidingWindow = size
        }
        guard let ends = json["eos_token_id"]?.array else { throw wrong("eos_token_id", "an array of integers") }
        for end in ends {
            guard let token = end.integer else { throw wrong("eos_token_id", "an array of integers") }
            eosTokens.append(token)
        }
        if let scaling = json["rope_scaling"] {
            switch scaling["rope_type"]?.string {
            case "linear": ropeScaling = .linear(factor: try number(scaling, "factor"))
            case "llama3":
                ropeScaling = .llama3(
                    factor: try number(scaling, "factor"), lowFrequency: try number(scaling, "low_freq_factor"),
                    highFrequency: try number(scaling, "high_freq_factor"),
                    originalContext: try number(scaling, "original_max_position_embeddings"))
            default: throw wrong("rope_scaling", "rope_type \"linear\" or \"llama3\"")
            }
        }
        try validate(place: place)
    }
}
