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
    /// Layers with the window of `attention.sliding_window`, which no key tells; nil: the family has none.
    var slides: (@Sendable (_ layer: Int) -> Bool)?
    /// Tensors that are named or fused in another way than usual.
    var naming = TensorNaming.gguf
    /// What no key says, and the family's own keys.
    var describe: @Sendable (GGUFFields, inout ImportedModel) throws(TaperError) -> Void = { _, _ in }
}
