public import Storage

/// A BERT-type text encoder in Hugging Face layout: `config.json`, safetensors weights, `vocab.txt`.
///
/// Encoders read whole texts at once and generate nothing: they are judges here, and no bundle is made of them.
public struct EncoderCheckpoint {
    /// Sizes of the encoder; keys as in `config.json`.
    public struct Config: Sendable, Equatable {
        public let hiddenSize: Int
        public let intermediateSize: Int
        public let layerCount: Int
        public let headCount: Int
        public let vocabularySize: Int
        /// Longest text in tokens.
        public let positionCount: Int
        public let typeCount: Int
        public let normEpsilon: Double
    }

    public let path: String
    public let config: Config
    private let tensors: [String: StoredTensor]
    /// "bert." where the encoder is part of a larger model.
    private let prefix: String

    /// - Throws: `unsupported` for other kinds of encoder, `badData` for sizes that do not fit together.
    public init(path: String) throws(TaperError) {
        self.path = path
        let configPath = path + "/config.json"
        let fields = ConfigFields(json: try HuggingFaceConfig.read(path: configPath), place: configPath)
        for (key, wanted) in [
            ("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute"),
        ] {
            let found = try fields.text(key)
            guard found == wanted || found == nil && key == "position_embedding_type" else {
                throw TaperError(
                    .unsupported, "an encoder of this kind cannot be run", at: configPath,
                    expected: "\"\(key)\": \"\(wanted)\"", found: found.map { printable($0) } ?? "nothing")
            }
        }
        func size(_ key: String, _ limit: Int) throws(TaperError) -> Int {
            let value = try fields.integer(key)
            guard (1...limit).contains(value) else { throw fields.wrong(key, "1 to \(limit)") }
            return value
        }
        config = Config(
            hiddenSize: try size("hidden_size", 1 << 16), intermediateSize: try size("intermediate_size", 1 << 18),
            layerCount: try size("num_hidden_layers", 1024), headCount: try size("num_attention_heads", 1024),
            vocabularySize: try size("vocab_size", 1 << 22),
            positionCount: try size("max_position_embeddings", 1 << 16),
            typeCount: try size("type_vocab_size", 1024),
            normEpsilon: try fields.number("layer_norm_eps", default: 1e-12))
        guard config.hiddenSize % config.headCount == 0 else {
            throw fields.wrong("num_attention_heads", "a divisor of hidden_size, \(config.hiddenSize)")
        }
        guard config.positionCount >= 3, config.normEpsilon >= 0 else {
            throw fields.wrong("max_position_embeddings", "3 or more, and layer_norm_eps not below 0")
        }
        let container = try SafetensorsDirectory(path: path).container
        tensors = Dictionary(container.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        prefix = tensors["bert.embeddings.word_embeddings.weight"] == nil ? "" : "bert."
    }

    /// Row-major floats of a tensor, named as in `BertModel`.
    ///
    /// - Throws: `badData` when it is missing, has another shape or holds NaN or infinity.
    public func read(_ name: String, shape: [Int]) throws(TaperError) -> [Float] {
        let place = path + ": tensor '" + prefix + name + "'"
        guard let stored = tensors[prefix + name] else {
            throw TaperError(
                .badData, "the encoder lacks a tensor", at: place, expected: shapeText(shape), found: "nothing")
        }
        guard stored.shape == shape else {
            throw TaperError(
                .badData, "the tensor has another shape than the config says", at: place,
                expected: shapeText(shape), found: shapeText(stored.shape))
        }
        guard let decoder = stored.encoding.decoder else {
            throw TaperError(
                .unsupported, "the tensor's type cannot be read", at: place, expected: "F32, F16 or BF16",
                found: stored.encoding.name)
        }
        try stored.file.verifyUnchanged()
        let view = TensorView(stored: stored, shape: shape)
        let values = view.decode(rows: 0..<view.rows, with: decoder)
        guard values.allSatisfy(\.isFinite) else {
            throw TaperError(.badData, "a weight is not finite", at: place, expected: "finite numbers")
        }
        return values
    }
}
