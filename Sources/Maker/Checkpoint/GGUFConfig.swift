import Model
import Storage

/// The description of the model that a GGUF file's metadata gives.
struct GGUFConfig {
    private(set) var imported: ImportedModel
    let family: ModelFamily
    let gguf: GGUFFamily

    init(_ file: GGUFFile) throws(TaperError) {
        let fields = try GGUFFields(file)
        let architecture = fields.architecture
        let known = ModelFamily.all.compactMap { $0.gguf?.architecture }
        guard let family = ModelFamily.all.first(where: { $0.gguf?.architecture == architecture }),
            let gguf = family.gguf
        else {
            throw TaperError(
                .unsupported, "unknown architecture", at: fields.place("general.architecture"),
                expected: known.joined(separator: ", "), found: "'" + printable(architecture) + "'")
        }
        self.family = family
        self.gguf = gguf
        if let parts = file.values["split.count"]?.integer, parts > 1 {
            throw TaperError(
                .unsupported, "one part of a split model", at: fields.place("split.count"), expected: "1",
                found: String(parts), remedy: "Merge the parts first: llama-gguf-split --merge")
        }
        if let kind = file.values["general.type"]?.string, kind != "model" {
            throw TaperError(
                .unsupported, "the file is no model", at: fields.place("general.type"), expected: "model",
                found: "'" + printable(kind) + "'")
        }
        if let experts = file.values[architecture + ".expert_count"]?.integer, experts > 0 {
            throw TaperError(
                .unsupported, "mixture-of-experts models are not supported",
                at: fields.place(architecture + ".expert_count"), found: String(experts))
        }
        let tensors = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        guard let embedding = tensors["token_embd.weight"], embedding.shape.count == 2 else {
            throw TaperError(
                .badData, "tensors are missing", at: file.file.path, expected: "the matrix 'token_embd.weight'")
        }
        let warnings = try GGUFKeys(file: file, architecture: architecture, family: gguf).check()
        imported = ImportedModel(
            model: try GGUFConfig.sizes(fields, family, vocabularySize: embedding.shape[0]))
        imported.warnings = warnings
        imported.model.normalization = family.normalization
        imported.model.tiedEmbeddings = tensors["output.weight"] == nil
        // Optional biases have no keys: their presence says that the model uses them.
        func has(_ names: String...) -> Bool { names.contains { tensors["blk.0." + $0] != nil } }
        imported.model.qkvBias = has("attn_q.bias", "attn_qkv.bias")
        imported.model.attentionOutputBias = has("attn_output.bias")
        imported.model.mlpBias = has("ffn_down.bias")
        imported.model.headBias = tensors["output.bias"] != nil
        try readLayers(fields, frequencies: tensors["rope_freqs.weight"])
        try gguf.describe(fields, &imported)
        try checkOrder(fields)
        try readSpecialTokens(file, fields)
        try imported.model.validate(place: fields.place(nil))
    }

    private static func sizes(
        _ fields: GGUFFields, _ family: ModelFamily, vocabularySize: Int
    ) throws(TaperError) -> ModelConfig {
        let hiddenSize = try fields.integer("embedding_length")
        let headCount = try fields.integer("attention.head_count")
        guard hiddenSize > 0, headCount > 0 else {
            throw TaperError(
                .badData, "embedding_length and attention.head_count must be positive", at: fields.place(nil),
                found: String(hiddenSize) + " and " + String(headCount))
        }
        let headSize = try fields.integer("attention.key_length", default: hiddenSize / headCount)
        guard fields.has("attention.key_length") || headSize * headCount == hiddenSize else {
            throw TaperError(
                .badData, "embedding_length is not a multiple of attention.head_count", at: fields.place(nil),
                found: String(hiddenSize) + " and " + String(headCount))
        }
        let valueSize = try fields.integer("attention.value_length", default: headSize)
        guard valueSize == headSize else {
            throw TaperError(
                .unsupported, "keys and values of different length", at: fields.place(nil),
                found: String(headSize) + " and " + String(valueSize))
        }
        let layerCount = try fields.integer("block_count")
        try ModelConfig.checkLayerCount(layerCount, place: fields.place(nil))
        let model = ModelConfig(
            family: family.name, hiddenSize: hiddenSize, intermediateSize: try fields.integer("feed_forward_length"),
            layerCount: layerCount, headCount: headCount,
            kvHeadCount: try fields.integer("attention.head_count_kv", default: headCount), headSize: headSize,
            vocabularySize: vocabularySize, contextLength: try fields.integer("context_length"),
            normEpsilon: try fields.number(
                family.normalization == .layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"),
            ropeTheta: family.defaults.ropeTheta)
        try model.validate(place: fields.place(nil))
        return model
    }

    private mutating func readLayers(_ fields: GGUFFields, frequencies: StoredTensor?) throws(TaperError) {
        let rotation = GGUFRotation(fields: fields, headSize: imported.model.headSize, turnsInPart: gguf.turnsInPart)
        let full = try rotation.read(frequencies: frequencies)
        imported.model.describeEveryLayer { $0.rotation = full }
        if let limit = try rotation.contextLimit() {
            imported.limitContext(to: limit, place: fields.place(nil))
        }
        guard let windows = gguf.windows else { return try limitContext(fields) }
        let window = try fields.integer("attention.sliding_window", default: windows.usual ?? 0)
        // Zero stands for none; and one as long as the context hides nothing.
        guard window > 0 else { return }
        let local = try rotation.local(windows.rotation, beside: full)
        for (index, slides) in try windows.slides(fields, count: imported.model.layerCount).enumerated() where slides {
            imported.model.layers[index] = LayerDescription(
                window: window < imported.model.contextLength ? window : nil, rotation: local)
        }
    }

    /// A window that the family does not know limits the context, within which it hides nothing.
    private mutating func limitContext(_ fields: GGUFFields) throws(TaperError) {
        let window = try fields.integer("attention.sliding_window", default: 0)
        guard window > 0 && window < imported.model.contextLength else { return }
        imported.warnings.append(
            fields.place(nil) + ": which layers of " + fields.architecture
                + " have a window is not known: the context is limited to the window, " + String(window) + " of "
                + String(imported.model.contextLength) + " tokens")
        imported.model.contextLength = window
    }

    private func checkOrder(_ fields: GGUFFields) throws(TaperError) {
        let key = "use_parallel_residual"
        let isParallel = try fields.flag(key, default: imported.model.parallelResidual)
        guard isParallel == imported.model.parallelResidual || gguf.keys.contains(key) else {
            throw TaperError(
                .unsupported, "the order of attention and MLP is not supported for " + fields.architecture,
                at: fields.place(fields.key(key)), expected: String(imported.model.parallelResidual),
                found: String(isParallel))
        }
    }

    private mutating func readSpecialTokens(_ file: GGUFFile, _ fields: GGUFFields) throws(TaperError) {
        func token(_ key: String) throws(TaperError) -> Int? {
            guard let value = file.values["tokenizer.ggml." + key] else { return nil }
            guard let token = value.integer, token < imported.model.vocabularySize, token >= 0 else {
                throw TaperError(
                    .badData, "a special token lies outside the vocabulary", at: fields.place("tokenizer.ggml." + key),
                    expected: "0 to " + String(imported.model.vocabularySize - 1),
                    found: value.integer.map { String($0) } ?? value.kind)
            }
            return token
        }
        imported.model.bosToken = try token("bos_token_id")
        var ends: Set<Int> = []
        // Also what follows a middle that was filled in: padding, another repository, another file.
        for key in [
            "eos_token_id", "eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
        ] {
            if let end = try token(key) { ends.insert(end) }
        }
        imported.model.eosTokens = ends.sorted()
    }

    /// What only the tokenizer's tokens and kind tell: more ends, and the ids of a file that names none.
    mutating func complete(with tokenizer: GGUFTokenizer) throws(TaperError) {
        let ends = try tokenizer.endTokens()
        imported.model.eosTokens = Set(imported.model.eosTokens + ends.ids).sorted()
        if imported.model.bosToken == nil { imported.model.bosToken = try tokenizer.special("bos_token_id") }
        if let end = try tokenizer.special("eos_token_id") {
            imported.model.eosTokens = Set(imported.model.eosTokens + [end]).sorted()
        }
        imported.warnings += tokenizer.warnings(ends) + (try tokenizer.defaultWarnings())
    }
}
