/// What differs from layer to layer in published models; what all layers share stands in `ModelConfig`.
public struct LayerDescription: Equatable, Sendable {
    /// Positions a token sees, itself included; nil for all (Mistral 7B, section 2).
    public var window: Int?
    /// nil: nothing tells positions apart but the mask (NoPE, arXiv 2305.19466).
    public var rotation: Rotation?

    public init(window: Int? = nil, rotation: Rotation?) {
        self.window = window
        self.rotation = rotation
    }
}
