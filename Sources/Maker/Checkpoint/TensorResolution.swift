import Model
import Storage

/// Finds every tensor the model needs among those the files hold, and says what is missing, misshapen or left over.
struct TensorResolution {
    /// By canonical name, and in the model's order.
    private(set) var views: [String: TensorView] = [:]
    private(set) var order: [String] = []
    private(set) var warnings: [String] = []

    var entries: [TensorEntry] {
        order.compactMap { name in
            guard let view = views[name] else { return nil }
            // Of a fused tensor, the part.
            let whole = view.stored.shape.first ?? 1
            let part = view.shape.first ?? 1
            let stored = view.stored.bytes.count
            let pieces = 1 + view.further.count
            let byteCount = whole == part || pieces > 1 ? stored * pieces : stored / max(whole, 1) * part
            return TensorEntry(
                name: name, sourceName: view.stored.name, shape: view.shape, dtype: view.stored.encoding.name,
                byteCount: byteCount, file: view.stored.file.name)
        }
    }

    /// - Parameter interleaved: query and key rows keep RoPE's pairs side by side (GGUF of the llama architecture).
    init(
        _ container: TensorContainer, config: ModelConfig, naming: TensorNaming, interleaved: Bool, place: String
    ) throws(TaperError) {
        var stored: [String: StoredTensor] = [:]
        stored.reserveCapacity(container.tensors.count)
        for tensor in container.tensors { stored[tensor.name] = tensor }
        var used: Set<String> = []
        var missing: [String] = []
        for requirement in config.tensorRequirements() {
            guard let view = try self.view(of: requirement, among: stored, config, naming, place) else {
                missing.append(missingName(requirement, among: stored, config, naming))
                continue
            }
            for tensor in [view.stored] + view.further { used.insert(tensor.name) }
            add(view, requirement, config, interleaved: interleaved)
        }
        if let first = missing.first {
            throw TaperError(
                .badData, "tensors are missing", at: place, expected: "'" + first + "'",
                found: String(missing.count) + " missing of " + String(missing.count + order.count),
                remedy: missing == [naming.sourceName(TensorName.head)]
                    ? "If the head is the embedding, set tie_word_embeddings to true in config.json"
                    : "The checkpoint is incomplete or its config belongs to another model")
        }
        if config.tiedEmbeddings, let head = stored[naming.sourceName(TensorName.head)] {
            try checkTied(head, place)
            used.insert(head.name)
        }
        try reportUnused(container, used: used, naming: naming, place)
    }

    /// The tensor itself, rows of one that holds several, or vectors one after the other; nil when there is none of these.
    private func view(
        of requirement: ModelConfig.TensorRequirement, among stored: [String: StoredTensor], _ config: ModelConfig,
        _ naming: TensorNaming, _ place: String
    ) throws(TaperError) -> TensorView? {
        let source = naming.sourceName(requirement.name)
        func check(_ tensor: StoredTensor, _ shape: [Int]) throws(TaperError) {
            try TensorResolution.check(tensor, shape: shape, canonical: requirement.name, config, place)
        }
        if let fused = naming.fusedSource(requirement.name), let tensor = stored[fused.name],
            fused.name == source || stored[source] == nil
        {
            func rows(_ parts: [TensorName.Part]) -> Int { parts.reduce(0) { $0 + config.shape($1).rows } }
            try check(tensor, [rows(fused.all)] + requirement.shape.dropFirst())
            var view = TensorView(stored: tensor, shape: requirement.shape)
            view.firstRow = rows(fused.before)
            return view
        }
        if let names = headNames(requirement, config, naming) {
            let pieces = names.compactMap { stored[$0] }
            guard let first = pieces.first, pieces.count == names.count else { return nil }
            for piece in pieces {
                try check(piece, [config.headSize])
                guard piece.encoding.name == first.encoding.name else {
                    throw TaperError(
                        .unsupported, "weights of heads in different types", at: place,
                        expected: first.encoding.name,
                        found: "'" + printable(piece.name) + "' of " + piece.encoding.name)
                }
            }
            return TensorView(stored: first, shape: requirement.shape, further: Array(pieces.dropFirst()))
        }
        guard let tensor = stored[source] else { return nil }
        // Weights of heads may stand as rows of a matrix.
        let isByHead = isOfHeads(requirement.name, config) && tensor.shape.count == 2
        try check(tensor, isByHead ? [requirement.shape[0] / config.headSize, config.headSize] : requirement.shape)
        return TensorView(stored: tensor, shape: requirement.shape)
    }

    /// Does every head have a part of this tensor to itself?
    private func isOfHeads(_ name: String, _ config: ModelConfig) -> Bool {
        guard config.queryKeyNorm == .heads, let part = TensorNaming.split(name)?.part else { return false }
        return part == .queryNorm || part == .keyNorm
    }

    /// The vectors of its heads, where they stand one by one.
    private func headNames(
        _ requirement: ModelConfig.TensorRequirement, _ config: ModelConfig, _ naming: TensorNaming
    ) -> [String]? {
        guard isOfHeads(requirement.name, config) else { return nil }
        return naming.headSources(requirement.name, count: requirement.shape[0] / config.headSize)
    }

    /// What the files lack of a tensor: of one in pieces the first piece that is not there.
    private func missingName(
        _ requirement: ModelConfig.TensorRequirement, among stored: [String: StoredTensor], _ config: ModelConfig,
        _ naming: TensorNaming
    ) -> String {
        headNames(requirement, config, naming)?.first { stored[$0] == nil } ?? naming.sourceName(requirement.name)
    }

    private mutating func add(
        _ view: TensorView, _ requirement: ModelConfig.TensorRequirement, _ config: ModelConfig, interleaved: Bool
    ) {
        var view = view
        if interleaved, let (_, part, _) = TensorNaming.split(requirement.name), part == .query || part == .key {
            view.interleavedHeadSize = config.headSize
        }
        views[requirement.name] = view
        order.append(requirement.name)
    }

    private static func check(
        _ tensor: StoredTensor, shape: [Int], canonical: String, _ config: ModelConfig, _ place: String
    ) throws(TaperError) {
        let tensorPlace = tensor.file.path + ": tensor '" + printable(tensor.name) + "'"
        guard tensor.shape == shape else {
            throw TaperError(
                .badData, "the shape contradicts the config", at: tensorPlace,
                expected: shapeText(shape) + " (" + meaning(of: canonical, config) + ")",
                found: shapeText(tensor.shape), remedy: "Config and weights belong to different models")
        }
        guard tensor.encoding.decoder != nil else {
            throw TaperError(
                .unsupported, "tensors of type " + tensor.encoding.name + " cannot be read yet", at: tensorPlace,
                expected: TensorEncoding.readable, found: tensor.encoding.name,
                remedy: "Use a checkpoint of one of these types")
        }
    }

    /// The config values behind a shape, for messages.
    private static func meaning(of name: String, _ config: ModelConfig) -> String {
        let hidden = "hidden_size " + String(config.hiddenSize)
        let inner = "intermediate_size " + String(config.intermediateSize)
        let heads = String(config.headCount) + " heads of head_dim " + String(config.headSize)
        let kvHeads = String(config.kvHeadCount) + " key-value heads of head_dim " + String(config.headSize)
        switch TensorNaming.split(name)?.part {
        case .query: return heads + ", " + hidden
        case .key, .value: return kvHeads + ", " + hidden
        case .attentionOutput: return hidden + ", " + heads
        case .gate, .up: return inner + ", " + hidden
        case .down: return hidden + ", " + inner
        case .inputNorm, .mlpNorm, .attentionOutputNorm, .mlpOutputNorm: return hidden
        case .queryNorm: return config.queryKeyNorm == .head ? "head_dim " + String(config.headSize) : heads
        case .keyNorm: return config.queryKeyNorm == .head ? "head_dim " + String(config.headSize) : kvHeads
        case nil:
            if name == TensorName.finalNorm || name == TensorName.finalNormBias { return hidden }
            return "vocab_size " + String(config.vocabularySize) + ", " + hidden
        }
    }

    /// A tied model's file may repeat the embedding as head; a different head contradicts the config.
    private mutating func checkTied(_ head: StoredTensor, _ place: String) throws(TaperError) {
        guard let embedding = views[TensorName.embedding]?.stored else { return }
        let same =
            head.shape == embedding.shape && head.encoding.name == embedding.encoding.name
            && head.file.bytes[head.bytes].elementsEqual(embedding.file.bytes[embedding.bytes])
        guard same else {
            throw TaperError(
                .badData, "tie_word_embeddings is true, but the head differs from the embedding", at: place,
                found: "'" + printable(head.name) + "'",
                remedy: "Set tie_word_embeddings to false in config.json to use this head")
        }
    }

    private mutating func reportUnused(
        _ container: TensorContainer, used: Set<String>, naming: TensorNaming, _ place: String
    ) throws(TaperError) {
        let unused = container.tensors.filter { !used.contains($0.name) && !TensorResolution.isDerived($0.name) }
        // A GGUF file has no flags for optional biases and norms: their presence alone says that the model uses them.
        if naming.isSelfDescribing, let parameter = unused.first(where: { $0.name.hasPrefix("blk.") }) {
            throw TaperError(
                .unsupported, "the model has tensors this architecture does not use", at: place,
                found: "'" + printable(parameter.name) + "'")
        }
        guard let first = unused.first else { return }
        warnings.append(
            place + ": " + String(unused.count) + " tensors that the model does not use are ignored, such as '"
                + printable(first.name) + "'")
    }

    /// Buffers computed from the config, which old files store.
    private static func isDerived(_ name: String) -> Bool {
        name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
            || name == "rope_freqs.weight"
    }
}
