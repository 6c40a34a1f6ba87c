import Model
import Reference
import Storage

/// Positions of the text weighed by what errors there do to the logits.
struct GuideStage: ByteStage {
    static let kind = StageKind.guide
    static let version = 3

    let model: ModelInput
    let text: TextInput
    /// Of the draws.
    let seed: UInt64 = 1

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let gradients = try GradientModel(
            WeightSource(try model.open(workspace)), residency: .streamed, threads: workspace.threads,
            precision: .fastest)
        return try gradients.tokenWeights(
            try text.sequences(workspace), seed: seed, stateBytes: workspace.memory.stateBytes
        ) { workspace.update($0) }.bytes
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> TokenWeights {
        try TokenWeights(bytes: bytes, layers: model.config.layerCount)
    }

    func outcome(_ output: TokenWeights) -> String? { "by the gradients of the text's sequences" }
}
