import Model
import Storage

/// How GGUF files of a family, as llama.cpp writes them, say what a config.json says.
struct GGUFFamily: Sendable {
    /// `general.architecture`.
    let architecture: String
    /// Rows of queries and keys keep RoPE's pairs side by side (2 j, 2 j + 1).
    var interleaves = false
    /// Keys of the architecture's namespace that mean something here and nothing, or something else, elsewhere.
    var keys: Set<String> = []
    /// Only a part of every head may turn.
    var turnsInPart = false
    /// nil: no layer has a window.
    var windows: Windows?
    /// Tensors that are named or fused in another way than usual.
    var naming = TensorNaming.gguf
    /// What no key says, and the family's own keys.
    var describe: @Sendable (GGUFFields, inout ImportedModel) throws(TaperError) -> Void = { _, _ in }

    /// Layers with a window, which most files leave to the reader.
    struct Windows: Sendable {
        /// Of so many layers the last one sees everything, unless `attention.sliding_window_pattern` says otherwise; 0: none does.
        let period: Int
        /// Where `attention.sliding_window` is absent; nil: then there are none.
        var usual: Int?
        var rotation = LocalRotation.shared

        enum LocalRotation: Sendable {
            /// All layers turn alike.
            case shared
            /// Layers with a window turn as the others do, but unscaled.
            case unscaled
            /// Layers with a window turn by `rope.freq_base_swa`, else this base, unscaled.
            case own(Double)
        }
    }
}

extension GGUFFamily.Windows {
    /// Keys that families with windows may have.
    static let keys: Set<String> = ["attention.sliding_window_pattern", "rope.freq_base_swa"]

    /// For each layer whether it sees a window only. The pattern is a period, or a list with an entry for every layer.
    func slides(_ fields: GGUFFields, count: Int) throws(TaperError) -> [Bool] {
        let key = "attention.sliding_window_pattern"
        if let list = fields.file.values[fields.key(key)]?.array {
            let listed = try list.flags()
            guard listed.count == count else {
                throw TaperError(
                    .badData, "one entry per layer is needed", at: fields.place(fields.key(key)),
                    expected: String(count), found: String(listed.count))
            }
            return listed
        }
        let period = try fields.integer(key, default: period)
        return (0..<count).map { period == 0 || $0 % period != period - 1 }
    }
}
