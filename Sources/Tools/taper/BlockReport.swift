import Model

/// What is not as in LLaMA about a model's blocks, for people.
enum BlockReport {
    /// nil: nothing.
    static func text(_ model: ModelConfig) -> String? {
        var notes: [String] = []
        switch model.normPlacement {
        case .pre: break
        case .post: notes.append("norms behind attention and MLP")
        case .prePost: notes.append("norms before and behind attention and MLP")
        }
        if model.parallelResidual { notes.append("attention and MLP side by side") }
        if model.normalization == .layer { notes.append("layer norm") }
        switch model.queryKeyNorm {
        case .none: break
        case .head, .heads: notes.append("queries and keys normalized by head")
        case .full: notes.append("queries and keys normalized")
        }
        if !model.gatedMLP { notes.append("MLP without a gate") }
        if model.activation != .silu { notes.append(model.activation == .gelu ? "GELU" : "GELU in its tanh form") }
        let windows = model.layers.compactMap(\.window)
        if let window = windows.max() {
            let layers = windows.count == model.layerCount ? "all" : "\(windows.count) of \(model.layerCount)"
            notes.append("a window of \(window) tokens in \(layers) layers")
        }
        let still = model.layers.count { $0.rotation == nil }
        if still > 0 { notes.append("no rotation in \(still) of \(model.layerCount) layers") }
        if model.attentionCap != nil { notes.append("capped scores") }
        if model.logitCap != nil { notes.append("capped logits") }
        return notes.isEmpty ? nil : notes.joined(separator: ", ")
    }
}
