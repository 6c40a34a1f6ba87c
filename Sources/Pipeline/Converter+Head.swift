import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage

extension Converter {
    /// Sequences of text, and of the model's own, for the head's inputs; it has as many columns as any layer, but only one matrix waits for them.
    private static let headSequences = 32

    /// The tensor that makes logits: of a tied model its embedding.
    var headName: String { checkpoint.config.tiedEmbeddings ? TensorName.embedding : TensorName.head }

    /// An embedding is also looked up, where all columns of a row count alike; a tied one gets more of that.
    private var headSettings: JointSettings {
        var joint = recipe.joint
        joint.damping = checkpoint.config.tiedEmbeddings ? 0.1 : joint.damping
        return joint
    }

    func addHeadFacts(to key: inout ContentKey) {
        key.add("head, version 2")
        key.add(contentsOf: calibration?.bytes ?? [])
        key.add([recipe.calibrationSequences, recipe.calibrationLength, headSettings.rounds])
        key.add(headSettings.damping)
    }

    /// Codes of the head under the Hessian of its own inputs, the normalized final states.
    func quantizeHead(
        _ tensor: ModelConfig.TensorRequirement, weights: [Float]
    ) throws(TaperError) -> PackedMatrix {
        guard let calibration else {
            throw TaperError(.internalFault, "the head is optimised without calibration text", at: tensor.name)
        }
        let sequences = try calibration.sequences(
            try checkpoint.tokenizer(), count: min(Self.headSequences, recipe.calibrationSequences),
            length: min(recipe.calibrationLength, checkpoint.config.contextLength), ownLimit: Self.headSequences)
        let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
        let hessian = try model.headHessian(sequences) { progress.update($0) }
        let own = LayerHessian(hessian.values, columns: tensor.shape[1], joint: headSettings, pool: pool)
        return try quantizeJoint(
            name: tensor.name, weights: weights, rows: tensor.shape[0], columns: tensor.shape[1],
            hessians: [RowHessian(rows: 0..<tensor.shape[0], hessian: own)], settings: embeddingSettings,
            joint: headSettings, pool: pool)
    }
}
