import Model
import Storage

/// `config.json`, in the spelling of transformers 4 and 5, as a description of the model.
struct HuggingFaceConfig {
    static let byteLimit = 2_000_000

    private(set) var imported: ImportedModel
    let family: ModelFamily
    /// Facts for people: model_type, architecture, dtype, version of the writer.
    let facts: [JSONValue.Member]

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
        family = try HuggingFaceConfig.family(fields)
        facts = HuggingFaceConfig.facts(of: json)
        if let quantization = fields.value("quantization_config") ?? fields.value("compression_config") {
            throw TaperError(
                .unsupported, "quantization_config: the checkpoint is already quantized", at: place,
                found: "method '" + printable(quantization["quant_method"]?.string ?? "unnamed") + "'",
                remedy: "Use the full-precision checkpoint it was made from")
        }
        let warnings = try HuggingFaceKeys.check(fields, family: family)
        imported = ImportedModel(model: try HuggingFaceConfig.sizes(fields, family))
        imported.warnings = warnings
        if fields.value("auto_map") != nil {
            imported.warnings.append(
                place + ": auto_map asks for code from the checkpoint; it is ignored, no code is run")
        }
        imported.model.normalization = family.normalization
        let activation = family.activationKey
        imported.model.activation =
            fields.value(activation) == nil ? family.defaults.activation : try fields.activation(activation)
        imported.model.tiedEmbeddings = try fields.flag(
            "tie_word_embeddings", default: family.defaults.tiedEmbeddings)
        imported.model.bosToken = fields.value("bos_token_id") == nil ? nil : try fields.integer("bos_token_id")
        imported.model.eosTokens = Set(try fields.integers("eos_token_id")).sorted()
        try readLayers(fields)
        try family.describe(fields, &imported)
        try imported.model.validate(place: place)
    }

    private static func sizes(_ fields: ConfigFields, _ family: ModelFamily) throws(TaperError) -> ModelConfig {
        let place = fields.place
        let headCount = try fields.integer("num_attention_heads")
        let hiddenSize = try fields.integer("hidden_size")
        guard headCount > 0, hiddenSize > 0 else {
            throw TaperError(
                .badData, "hidden_size and num_attention_heads must be positive", at: place,
                found: String(hiddenSize) + " and " + String(headCount))
        }
        let usualSize = family.defaults.headSize ?? hiddenSize / headCount
        guard fields.value("head_dim") != nil || family.defaults.headSize != nil || hiddenSize % headCount == 0 else {
            throw TaperError(
                .badData, "hidden_size is not a multiple of num_attention_heads, and head_dim is absent", at: place,
                found: String(hiddenSize) + " and " + String(headCount))
        }
        let layerCount = try fields.integer("num_hidden_layers")
        try ModelConfig.checkLayerCount(layerCount, place: place)
        let isLayerNorm = family.normalization == .layer
        let model = ModelConfig(
            family: family.name, hiddenSize: hiddenSize, intermediateSize: try fields.integer("intermediate_size"),
            layerCount: layerCount, headCount: headCount,
            kvHeadCount: try fields.integer("num_key_value_heads", default: family.defaults.kvHeads ?? headCount),
            headSize: try fields.integer("head_dim", default: usualSize),
            vocabularySize: try fields.integer("vocab_size"),
            contextLength: try fields.integer("max_position_embeddings", default: family.defaults.contextLength),
            normEpsilon: try fields.number(
                isLayerNorm ? "layer_norm_eps" : "rms_norm_eps",
                default: family.defaults.normEpsilon ?? (isLayerNorm ? 1e-5 : 1e-6)),
            ropeTheta: family.defaults.ropeTheta)
        // Checked before anything is computed from the sizes.
        try model.validate(place: place)
        return model
    }

    private mutating func readLayers(_ fields: ConfigFields) throws(TaperError) {
        let model = imported.model
        let rotation = HuggingFaceRotation(
            fields: fields, defaults: family.defaults, headSize: model.headSize, contextLength: model.contextLength)
        let rotations = try rotation.read()
        if let limit = try rotation.contextLimit() {
            imported.limitContext(to: limit, place: fields.place)
        }
        let windows = try HuggingFaceLayers(
            fields: fields, rule: family.windows, usualWindow: family.defaults.window, count: model.layerCount
        ).read()
        for (index, slides) in windows.slides.enumerated() {
            // A window as long as the context hides nothing.
            let window = slides ? windows.window.flatMap { $0 < imported.model.contextLength ? $0 : nil } : nil
            imported.model.layers[index] = LayerDescription(
                window: window, rotation: slides ? rotations.sliding ?? rotations.full : rotations.full)
        }
    }

    private static func family(_ fields: ConfigFields) throws(TaperError) -> ModelFamily {
        let families = ModelFamily.all
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
}
