import Model
import Storage

/// The description of the model that a GGUF file's metadata gives.
struct GGUFConfig {
    private(set) var model: ModelConfig
    private(set) var warnings: [String]
    /// Query and key rows keep RoPE's pairs side by side.
    let interleaved: Bool

    static let architectures = ["llama", "qwen2", "phi2", "stablelm"]

    init(_ file: GGUFFile) throws(TaperError) {
        let fields = try GGUFFields(file)
        let architecture = fields.architecture
        guard GGUFConfig.architectures.contains(architecture) else {
            throw TaperError(
                .unsupported, "unknown architecture", at: fields.place("general.architecture"),
                expected: GGUFConfig.architectures.joined(separator: ", "), found: "'" + printable(architecture) + "'")
        }
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
        let isLayerNorm = architecture == "phi2" || architecture == "stablelm"
        let hiddenSize = try fields.integer("embedding_length")
        let headCount = try fields.integer("attention.head_count")
        guard hiddenSize > 0, headCount > 0 else {
            throw TaperError(
                .badData, "embedding_length and attention.head_count must be positive", at: fields.place(nil),
                found: String(hiddenSize) + " and " + String(headCount))
        }
        warnings = try GGUFKeys(file: file, architecture: architecture).check()
        let headSize = try fields.integer("attention.key_length", default: hiddenSize / headCount)
        guard file.values[architecture + ".attention.key_length"] != nil || headSize * headCount == hiddenSize else {
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
        model = ModelConfig(
            family: architecture == "phi2" ? "phi" : architecture, hiddenSize: hiddenSize,
            intermediateSize: try fields.integer("feed_forward_length"),
            layerCount: try fields.integer("block_count"), headCount: headCount,
            kvHeadCount: try fields.integer("attention.head_count_kv", default: headCount), headSize: headSize,
            vocabularySize: embedding.shape[0], contextLength: try fields.integer("context_length"),
            normEpsilon: try fields.number(
                isLayerNorm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"),
            ropeTheta: try fields.number("rope.freq_base", default: 10000))
        interleaved = architecture == "llama"
        model.rotarySize = try fields.integer("rope.dimension_count", default: headSize)
        try model.validate(place: fields.place(nil))

        model.tiedEmbeddings = tensors["output.weight"] == nil
        model.qkvBias = tensors["blk.0.attn_q.bias"] != nil || tensors["blk.0.attn_qkv.bias"] != nil
        if isLayerNorm { model.normalization = .layer }
        if architecture == "phi2" {
            model.activation = .geluTanh
            model.gatedMLP = false
            model.parallelResidual = true
            model.outputBias = true
        }
        let isParallel = try fields.flag("use_parallel_residual", default: model.parallelResidual)
        if architecture == "stablelm" { model.parallelResidual = isParallel }
        guard isParallel == model.parallelResidual else {
            throw TaperError(
                .unsupported, "the order of attention and MLP is not supported for " + architecture,
                at: fields.place(fields.key("use_parallel_residual")), expected: String(model.parallelResidual),
                found: String(isParallel))
        }
        if architecture == "llama" && model.rotarySize != headSize {
            throw TaperError(
                .unsupported, "partial rotation is not supported for llama", at: fields.place("rope.dimension_count"),
                expected: String(headSize), found: String(model.rotarySize))
        }
        try readScaling(fields, frequencies: tensors["rope_freqs.weight"])
        let window = try fields.integer("attention.sliding_window", default: 0)
        if window > 0 && window < model.contextLength {
            warnings.append(
                fields.place(nil)
                    + ": sliding-window attention is not supported: the context is limited to the window, "
                    + String(window) + " of " + String(model.contextLength) + " tokens")
            model.contextLength = window
        }
        try readSpecialTokens(file, fields)
        try model.validate(place: fields.place(nil))
    }

    private mutating func readSpecialTokens(_ file: GGUFFile, _ fields: GGUFFields) throws(TaperError) {
        func token(_ key: String) throws(TaperError) -> Int? {
            guard let value = file.values["tokenizer.ggml." + key] else { return nil }
            guard let token = value.integer, token < model.vocabularySize, token >= 0 else {
                throw TaperError(
                    .badData, "a special token lies outside the vocabulary", at: fields.place("tokenizer.ggml." + key),
                    expected: "0 to " + String(model.vocabularySize - 1),
                    found: value.integer.map { String($0) } ?? value.kind)
            }
            return token
        }
        model.bosToken = try token("bos_token_id")
        var ends: Set<Int> = []
        // Also what follows a middle that was filled in: padding, another repository, another file.
        for key in [
            "eos_token_id", "eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
        ] {
            if let end = try token(key) { ends.insert(end) }
        }
        model.eosTokens = ends.sorted()
    }

    /// What only the tokenizer's tokens and kind tell: more ends, and the ids of a file that names none.
    mutating func complete(with tokenizer: GGUFTokenizer) throws(TaperError) {
        let ends = try tokenizer.endTokens()
        model.eosTokens = Set(model.eosTokens + ends.ids).sorted()
        if model.bosToken == nil { model.bosToken = try tokenizer.special("bos_token_id") }
        if let end = try tokenizer.special("eos_token_id") {
            model.eosTokens = Set(model.eosTokens + [end]).sorted()
        }
        warnings += tokenizer.warnings(ends) + (try tokenizer.defaultWarnings())
    }

    private mutating func readScaling(_ fields: GGUFFields, frequencies: StoredTensor?) throws(TaperError) {
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
            if factor != 1 && factor != 0 { model.ropeScaling = .linear(factor: factor) }
        case let other:
            throw TaperError(
                .unsupported, "unknown RoPE scaling", at: fields.place(fields.key("rope.scaling.type")),
                expected: "none or linear", found: "'" + printable(other) + "'",
                remedy: "This scaling is not implemented; models of other scalings can be converted")
        }
        guard let frequencies else { return }
        let scaling = try llama3Scaling(frequencies)
        guard scaling == .none || model.ropeScaling == .none else {
            throw TaperError(
                .unsupported, "two RoPE scalings at once", at: fields.place(key.map { fields.key($0) }),
                expected: "a factor or the tensor 'rope_freqs.weight'", found: "both")
        }
        if scaling != .none { model.ropeScaling = scaling }
    }

    /// Llama 3.1's scaling stands in GGUF files only as its result, one divisor per pair of channels. The constants of
    /// every published model are tried; the result must be reproduced.
    private func llama3Scaling(_ tensor: StoredTensor) throws(TaperError) -> ModelConfig.RopeScaling {
        let place = tensor.file.path + ": tensor 'rope_freqs.weight'"
        guard tensor.shape == [model.rotarySize / 2], tensor.encoding.decoder == .f32 else {
            throw TaperError(
                .badData, "no usable RoPE divisors", at: place,
                expected: "[" + String(model.rotarySize / 2) + "] of F32",
                found: shapeText(tensor.shape) + " of " + tensor.encoding.name)
        }
        let divisors = TensorView(stored: tensor, shape: tensor.shape).decode(rows: 0..<1, with: .f32)
        if divisors.allSatisfy({ $0 == 1 }) { return .none }
        var candidate = model
        candidate.ropeScaling = .none
        let plain = candidate.ropeFrequencies()
        let factor = Double(divisors.max() ?? 1)
        for original in [8192.0, 4096, 2048, 16384, 32768] where factor.isFinite && factor > 0 {
            candidate.ropeScaling = .llama3(
                factor: factor, lowFrequency: 1, highFrequency: 4, originalContext: original)
            let scaled = candidate.ropeFrequencies()
            let matches = divisors.indices.allSatisfy { pair in
                abs(plain[pair] / scaled[pair] / Double(divisors[pair]) - 1) < 1e-4
            }
            if matches { return candidate.ropeScaling }
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
