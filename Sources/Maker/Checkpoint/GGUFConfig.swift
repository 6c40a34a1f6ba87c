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
        try readRotation(fields, frequencies: tensors["rope_freqs.weight"])
        try readWindows(fields)
        try gguf.describe(fields, &imported)
        let isParallel = try fields.flag("use_parallel_residual", default: imported.model.parallelResidual)
        guard isParallel == imported.model.parallelResidual else {
            throw TaperError(
                .unsupported, "the order of attention and MLP is not supported for " + architecture,
                at: fields.place(fields.key("use_parallel_residual")),
                expected: String(imported.model.parallelResidual), found: String(isParallel))
        }
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

    /// A window that the family does not know limits the context, within which it hides nothing.
    private mutating func readWindows(_ fields: GGUFFields) throws(TaperError) {
        let window = try fields.integer("attention.sliding_window", default: 0)
        guard window > 0 && window < imported.model.contextLength else { return }
        if let slides = gguf.slides {
            for layer in imported.model.layers.indices where slides(layer) {
                imported.model.layers[layer].window = window
            }
            return
        }
        imported.warnings.append(
            fields.place(nil) + ": sliding-window attention is not supported: the context is limited to the window, "
                + String(window) + " of " + String(imported.model.contextLength) + " tokens")
        imported.model.contextLength = window
    }

    private mutating func readRotation(
        _ fields: GGUFFields, frequencies: StoredTensor?
    ) throws(TaperError) {
        let headSize = imported.model.headSize
        var rotation = Rotation(
            theta: try fields.number("rope.freq_base", default: 10000),
            size: try fields.integer("rope.dimension_count", default: headSize))
        guard rotation.size == headSize || gguf.turnsInPart else {
            throw TaperError(
                .unsupported, "partial rotation is not supported for " + fields.architecture,
                at: fields.place("rope.dimension_count"), expected: String(headSize), found: String(rotation.size))
        }
        try rotation.validate(headSize: headSize, place: fields.place(nil))
        try readScaling(fields, frequencies: frequencies, of: &rotation)
        imported.model.describeEveryLayer { $0.rotation = rotation }
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

    private func readScaling(
        _ fields: GGUFFields, frequencies: StoredTensor?, of rotation: inout Rotation
    ) throws(TaperError) {
        // A factor without a type is linear, and older files have it under another name; 0 stands for none.
        let key = ["rope.scaling.factor", "rope.scale_linear"].first { fields.has($0) }
        switch try fields.text("rope.scaling.type") ?? "linear" {
        case "none": break
        case "linear":
            guard let key else { break }
            let factor = try fields.number(key)
            guard factor.isFinite, factor >= 0 else {
                throw TaperError(
                    .badData, "the factor must be positive", at: fields.place(fields.key(key)),
                    found: shortest(factor))
            }
            if factor != 1 && factor != 0 { rotation.scaling = .linear(factor: factor) }
        case let other:
            throw TaperError(
                .unsupported, "unknown RoPE scaling", at: fields.place(fields.key("rope.scaling.type")),
                expected: "none or linear", found: "'" + printable(other) + "'",
                remedy: "This scaling is not implemented; models of other scalings can be converted")
        }
        guard let frequencies else { return }
        let scaling = try llama3Scaling(frequencies, rotation)
        guard scaling == .none || rotation.scaling == .none else {
            throw TaperError(
                .unsupported, "two RoPE scalings at once", at: fields.place(key.map { fields.key($0) }),
                expected: "a factor or the tensor 'rope_freqs.weight'", found: "both")
        }
        if scaling != .none { rotation.scaling = scaling }
    }

    /// Llama 3.1's scaling stands in GGUF files only as its result, one divisor per pair of channels. The constants of
    /// every published model are tried; the result must be reproduced.
    private func llama3Scaling(
        _ tensor: StoredTensor, _ rotation: Rotation
    ) throws(TaperError) -> Rotation.Scaling {
        let place = tensor.file.path + ": tensor 'rope_freqs.weight'"
        guard tensor.shape == [rotation.size / 2], tensor.encoding.decoder == .f32 else {
            throw TaperError(
                .badData, "no usable RoPE divisors", at: place,
                expected: "[" + String(rotation.size / 2) + "] of F32",
                found: shapeText(tensor.shape) + " of " + tensor.encoding.name)
        }
        let divisors = TensorView(stored: tensor, shape: tensor.shape).decode(rows: 0..<1, with: .f32)
        if divisors.allSatisfy({ $0 == 1 }) { return .none }
        var candidate = rotation
        candidate.scaling = .none
        let plain = candidate.frequencies()
        let factor = Double(divisors.max() ?? 1)
        for original in [8192.0, 4096, 2048, 16384, 32768] where factor.isFinite && factor > 0 {
            candidate.scaling = .llama3(
                factor: factor, lowFrequency: 1, highFrequency: 4, originalContext: original)
            let scaled = candidate.frequencies()
            let matches = divisors.indices.allSatisfy { pair in
                abs(plain[pair] / scaled[pair] / Double(divisors[pair]) - 1) < 1e-4
            }
            if matches { return candidate.scaling }
        }
        throw TaperError(
            .unsupported, "RoPE divisors that are not Llama 3.1's", at: place,
            remedy: "Use the Hugging Face checkpoint of this model")
    }
}

/// Typed reading of the metadata of the file's architecture: "block_count" stands for "llama.block_count".
struct GGUFFields {
    let file: GGUFFile
    let architecture: String

    init(_ file: GGUFFile) throws(TaperError) {
        self.file = file
        guard let architecture = file.values["general.architecture"]?.string else {
            throw TaperError(
                .badData, "no architecture", at: file.file.path + ": metadata 'general.architecture'",
                expected: "a string", found: file.values["general.architecture"]?.kind ?? "nothing")
        }
        self.architecture = architecture
    }

    func has(_ name: String) -> Bool { file.values[key(name)] != nil }
    func key(_ name: String) -> String { architecture + "." + name }
    func place(_ key: String?) -> String { file.file.path + ": metadata" + (key.map { " '" + $0 + "'" } ?? "") }

    private func wrong(_ name: String, _ expected: String) -> TaperError {
        TaperError(
            .badData, "no usable value", at: place(key(name)), expected: expected,
            found: file.values[key(name)]?.kind ?? "nothing")
    }

    func integer(_ name: String, default fallback: Int? = nil) throws(TaperError) -> Int {
        guard let value = file.values[key(name)] else {
            if let fallback { return fallback }
            throw wrong(name, "an integer")
        }
        if let array = value.array {
            // Written by tools that know one value per layer; where all are equal, that is one value.
            if array.type == .int32 || array.type == .uint32, let first = try array.integers().first,
                try array.integers().allSatisfy({ $0 == first }), first >= 0
            {
                return first
            }
            throw TaperError(
                .unsupported, "values that differ by layer are not supported", at: place(key(name)),
                expected: "an integer", found: value.kind)
        }
        guard let integer = value.integer, integer >= 0 else { throw wrong(name, "a whole number") }
        return integer
    }
    func number(_ name: String, default fallback: Double? = nil) throws(TaperError) -> Double {
        if file.values[key(name)] == nil, let fallback { return fallback }
        guard let number = file.values[key(name)]?.double else { throw wrong(name, "a floating-point number") }
        return number
    }
    func flag(_ name: String, default fallback: Bool) throws(TaperError) -> Bool {
        guard let value = file.values[key(name)] else { return fallback }
        guard let flag = value.bool else { throw wrong(name, "a boolean") }
        return flag
    }
    func text(_ name: String) throws(TaperError) -> String? {
        guard let value = file.values[key(name)] else { return nil }
        guard let text = value.string else { throw wrong(name, "a string") }
        return text
    }
}
