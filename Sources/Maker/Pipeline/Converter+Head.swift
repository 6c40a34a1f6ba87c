import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage

extension Converter {
    /// Codes of the head under the Hessian of its own inputs, the normalized final states.
    func quantizeHead(
        _ tensor: ModelConfig.TensorRequirement, weights: [Float], progress update: (Double) -> Void
    ) throws(TaperError) -> PackedMatrix {
        let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
        let hessian = try model.headHessian(try sequences(.head), known: finalStates) { update($0) }
        let own = try LayerHessian(
            hessian.values, columns: tensor.shape[1], joint: recipe.headSettings(checkpoint.config), pool: pool,
            place: "inputs of the head")
        return try quantizeJoint(
            name: tensor.name, weights: weights, rows: tensor.shape[0], columns: tensor.shape[1],
            hessians: [RowHessian(rows: 0..<tensor.shape[0], hessian: own)], settings: recipe.embeddingSettings,
            joint: recipe.headSettings(checkpoint.config), pool: pool)
    }
}
