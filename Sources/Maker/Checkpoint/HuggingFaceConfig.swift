import Model
import Storage

/// `config.json`, in the spelling of transformers 4 and 5, as a description of the model.
struct HuggingFaceConfig {
    static let byteLimit = 2_000_000

    /// Without the end-of-sequence tokens of the files beside it.
    private(set) var model: ModelConfig
    private(set) var naming: TensorNaming
    private(set) var warnings: [String] = []
    /// Facts for people: model_type, architecture, dtype, version of the writer.
    private(set) var facts: [JSONValue.Member] = []

    /// What differs between the families: defaults of transformers' own classes for keys a config leaves out.
    private struct Family {
        let name: String
        let architecture: String
        let contextLength: Int
        var kvHeads: Int?
        var partialRotary = 1.0
    }
    private static let families = [
        Family(name: "llama", architecture: "LlamaForCausalLM", contextLength: 2048),
        Family(name: "mistral", architecture: "MistralForCausalLM", contextLength: 131072, kvHeads: 8),
        Family(name: "qwen2", architecture: "Qwen2ForCausalLM", contextLength: 32768),
        Family(name: "phi", architecture: "PhiForCausalLM", contextLength: 2048, partialRotary: 0.5),
        Family(name: "stablelm", architecture: "StableLmForCausalLM", contextLength: 4096, partialRotary: 0.25),
    ]

    static func read(path: String) throws(TaperError) -> JSONValue {
        let bytes = try Files.read(path, limit: byteLimit)
        if let foreign = bytes.withUnsafeBytes({ ForeignFile.recognise($0) }) {
            throw TaperError(.badData, "not a config", at: path, found: foreign.kind, remedy: foreign.remedy)
        }
        let json = try JSONValue.parse(try Files.textBytes(bytes, place: path), place: path)
        guard json.members != nil else {
            throw TaperError(.badData, "not a config", at: path, expected: "an object", found: json.kind)
        }
        return json
    }

    /// model_type, architecture, dtype and writer, for listings; never throws, since listings show what they can.
    static func facts(of json: JSONValue) -> [JSONValue.Member] {
        var facts: [JSONValue.Member] = []
        for (key, name) in [
            ("model_type", "model_type"), ("torch_dtype", "dtype"), ("dtype", "dtype"),
            ("transformers_version", "transformers_version"),
        ] {
            if let text = json[key]?.string { facts.append(.init(name, .string(printable(text)))) }
        }
        if let first = json["architectures"]?.array?.first?.string {
            facts.append(.init("architecture", .string(printable(first))))
        }
        return facts
    }

    init(json: JSONValue, place: String) throws(TaperError) {
        let fields = ConfigFields(json: json, place: place)
        let family = try HuggingFaceConfig.family(fields)
        facts = HuggingFaceConfig.facts(of: json)
        if let quantization = fields.value("quantization_config") ?? fields.value("compression_config") {
            throw TaperError(
                .unsupported, "quantization_config: the checkpoint is already quantized", at: place,
                found: "method '" + printable(quantization["quant_method"]?.string ?? "unnamed") + "'",
                remedy: "Use the full-precision checkpoint it was made from")
        }
        warnings += try HuggingFaceKeys.check(fields)
        if fields.value("auto_map") != nil {
            warnings.append(place + ": auto_map asks for code from the checkpoint; it is ignored, no code is run")
        }
        let headCount = try fields.integer("num_attention_heads")
        let hiddenSize = try fields.integer("hidden_size")
        guard headCount > 0, hiddenSize > 0 else {
            throw TaperError(
                .badData, "hidden_size and num_attention_heads must be positive", at: place,
                found: String(hiddenSize) + " and " + String(headCount))
        }
        if fields.value("head_dim") == nil && hiddenSize % headCount != 0 {
            throw TaperError(
                .badData, "hidden_size is not a multiple of num_attention_heads, and head_dim is absent", at: place,
                found: String(hiddenSize) + " and " + String(headCount))
        }
        let isLayerNorm = family.name == "phi" || family.name == "stablelm"
        model = ModelConfig(
            family: family.name, hiddenSize: hiddenSize, intermediateSize: try fields.integer("intermediate_size"),
            layerCount: try fields.integer("num_hidden_layers"), headCount: headCount,
            kvHeadCount: try fields.integer("num_key_value_heads", default: family.kvHeads ?? headCount),
            headSize: try fields.integer("head_dim", default: hiddenSize / headCount),
            vocabularySize: try fields.integer("vocab_size"),
            contextLength: try fields.integer("max_position_embeddings", default: family.contextLength),
            normEpsilon: isLayerNorm
                ? try fields.number("layer_norm_eps", default: 1e-5) : try fields.number("rms_norm_eps", default: 1e-6),
            ropeTheta: 10000)
        // Checked before anything is computed from the sizes.
        try model.validate(place: place)
        naming = family.name == "phi" ? .phi : .huggingFace
        model.activation = try HuggingFaceConfig.activation(fields)
        model.tiedEmbeddings = try fields.flag("tie_word_embeddings", default: false)
        model.bosToken = fields.value("bos_token_id") == nil ? nil : try fields.integer("bos_token_id")
        model.eosTokens = Set(try fields.integers("eos_token_id")).sorted()
        try readRope(fields, family)
        try readFamily(fields)
        try limitToWindow(fields)
        try model.validate(place: place)
    }

    private static func family(_ fields: ConfigFields) throws(TaperError) -> Family {
        let known = families.map { $0.architecture }.joined(separator: ", ")
        var architecture: String?
        if let list = fields.value("architectures") {
            guard let names = list.array, let first = names.first?.string else {
                throw TaperError(
                    .badData, "architectures names none", at: fields.place, expected: known,
                    found: printable(list.text(), limit: 40))
            }
            architecture = first
        }
        let type = try fields.text("model_type")
        if let architecture, !families.contains(where: { $0.architecture == architecture }) {
            throw TaperError(
                .unsupported, "unknown architecture", at: fields.place, expected: known,
                found: "'" + printable(architecture) + "'")
        }
        guard
            let family = families.first(where: {
                architecture == nil ? type == $0.name : architecture == $0.architecture
            })
        else {
            throw TaperError(
                .unsupported, "unknown model_type", at: fields.place, expected: known,
                found: type.map { "'" + printable($0) + "'" } ?? "neither model_type nor architectures")
        }
        if let type, type != family.name {
            throw TaperError(
                .badData, "model_type and architectures disagree", at: fields.place,
                found: "'" + printable(type) + "' and " + family.architecture)
        }
        return family
    }

    private static func activation(_ fields: ConfigFields) throws(TaperError) -> ModelConfig.Activation {
        switch try fields.text("hidden_act") ?? "silu" {
        case "silu", "swish": return .silu
        case "gelu": return .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": return .geluTanh
        case let other:
            throw TaperError(
                .unsupported, "unknown hidden_act", at: fields.place, expected: "silu, gelu or gelu_new",
                found: "'" + printable(other) + "'")
        }
    }

    private mutating func readFamily(_ fields: ConfigFields) throws(TaperError) {
        func refuse(_ key: String) throws(TaperError) {
            if try fields.flag(key, default: false) {
                throw TaperError(
                    .unsupported, key + " is not supported for " + model.family, at: fields.place, expected: "false",
                    found: "true")
            }
        }
        switch model.family {
        case "qwen2":
            model.qkvBias = true
        case "phi":
            try refuse("qk_layernorm")
            model.normalization = .layer
            model.gatedMLP = false
            model.parallelResidual = true
            model.qkvBias = true
            model.outputBias = true
            if fields.value("hidden_act") == nil { model.activation = .geluTanh }
        case "stablelm":
            try refuse("qk_layernorm")
            model.normalization = .layer
            model.qkvBias = try fields.flag("use_qkv_bias", default: false)
            model.parallelResidual = try fields.flag("use_parallel_residual", default: false)
        default:
            try refuse("attention_bias")
            try refuse("mlp_bias")
        }
    }

    /// Mistral's window holds for every layer. Qwen2's holds for some layers only, which the model description cannot
    /// say, so its context is limited to the window, where both are the same.
    private mutating func limitToWindow(_ fields: ConfigFields) throws(TaperError) {
        guard model.family == "mistral" || model.family == "qwen2", fields.value("sliding_window") != nil else {
            return
        }
        if model.family == "qwen2", try !fields.flag("use_sliding_window", default: false) { return }
        let window = try fields.integer("sliding_window")
        guard window > 0 else { throw fields.wrong("sliding_window", "a positive integer or null") }
        if model.family == "mistral" {
            if window < model.contextLength { model.slidingWindow = window }
        } else if window < model.contextLength {
            warnings.append(
                fields.place
                    + ": sliding windows of some layers are not supported: the context is limited to the window, "
                    + String(window) + " of " + String(model.contextLength) + " tokens")
            model.contextLength = window
        }
    }

    private mutating func readRope(_ fields: ConfigFields, _ family: Family) throws(TaperError) {
        let key = fields.value("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
        let dictionary = fields.value(key) ?? .object([])
        guard dictionary.members != nil else { throw fields.wrong(key, "an object or null") }
        let rope = ConfigFields(json: dictionary, place: fields.place + ": " + key)
        guard key == "rope_scaling" || fields.value("rope_scaling")?.members?.isEmpty != false else {
            throw TaperError(
                .unsupported, "rope_parameters and rope_scaling at once", at: fields.place, expected: "one of them")
        }
        if let inner = dictionary.members?.first(where: { $0.value.members != nil }) {
            throw TaperError(
                .unsupported, "rotations that differ by layer are not supported", at: rope.place,
                found: "'" + printable(inner.key) + "'")
        }
        model.ropeTheta =
            rope.value("rope_theta") != nil
            ? try rope.number("rope_theta") : try fields.number("rope_theta", default: 10000)

        let partial =
            rope.value("partial_rotary_factor") != nil
            ? try rope.number("partial_rotary_factor")
            : try fields.number("partial_rotary_factor", default: family.partialRotary)
        guard partial > 0, partial <= 1 else {
            throw fields.wrong("partial_rotary_factor", "a number above 0, at most 1")
        }
        guard partial == 1 || family.partialRotary != 1 else {
            throw TaperError(
                .unsupported, "partial_rotary_factor is not supported for " + family.name, at: fields.place,
                expected: "1", found: shortest(partial))
        }
        model.rotarySize = Int(Double(model.headSize) * partial)

        // "type" is the older spelling.
        let type = try rope.text(rope.value("rope_type") != nil ? "rope_type" : "type")
        if type == nil && key == "rope_scaling" && !(dictionary.members ?? []).isEmpty {
            throw rope.wrong("rope_type", "a string")
        }
        switch type ?? "default" {
        case "default": break
        case "linear":
            model.ropeScaling = .linear(factor: try positive(rope, "factor"))
        case "llama3":
            let low = try positive(rope, "low_freq_factor")
            let high = try positive(rope, "high_freq_factor")
            guard high > low else { throw rope.wrong("high_freq_factor", "more than low_freq_factor") }
            model.ropeScaling = .llama3(
                factor: try positive(rope, "factor"), lowFrequency: low, highFrequency: high,
                originalContext: try positive(rope, "original_max_position_embeddings"))
        case let other:
            throw TaperError(
                .unsupported, "unknown rope_type", at: rope.place, expected: "default, linear or llama3",
                found: "'" + printable(other) + "'")
        }
    }

    private func positive(_ fields: ConfigFields, _ key: String) throws(TaperError) -> Double {
        let value = try fields.number(key)
        guard value > 0 else { throw fields.wrong(key, "a positive number") }
        return value
    }
}
