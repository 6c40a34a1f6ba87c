import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage

/// A linear layer's nested codes under the Hessian of its inputs. One pass over the full-precision model serves all layers;
/// blocks that need nothing get no Hessian.
struct JointTensorStage: SharedPassStage {
    static let kind = StageKind.quantizeJointly
    static let version = QuantizerVersion.joint

    let layer: Int
    let part: TensorName.Part
    let rows: Int
    let columns: Int
    let model: ModelInput
    let text: TextInput
    /// nil: all positions count alike.
    let guide: Artifact<TokenWeights>?
    let settings: NestedSettings
    let joint: JointSettings
    let check: HalfRangeCheck

    var name: String { TensorName.weight(part, layer: layer) }
    var subject: String? { name }

    func read(_ bytes: [UInt8]) throws(TaperError) -> PackedMatrix { try PackedMatrix(workBytes: bytes) }

    static func makeAll(
        _ stages: [JointTensorStage], _ workspace: StageWorkspace,
        each: (Int, () throws(TaperError) -> [UInt8]) throws(TaperError) -> Void
    ) throws(TaperError) {
        guard let first = stages.first else { return }
        let pending = Dictionary(grouping: stages.indices) { stages[$0].layer }
        let sequences = try first.text.sequences(workspace)
        let weights = try first.guide.map { guide throws(TaperError) in try workspace.value(guide) }
        let checkpoint = try first.model.open(workspace)
        let reference = try ReferenceModel(
            checkpoint, residency: .streamed, threads: workspace.threads, precision: .fastest)
        let layers = checkpoint.config.layerCount
        var weighed = JointProgress(
            checkpoint.config,
            pending: pending.mapValues { $0.map { (rows: stages[$0].rows, columns: stages[$0].columns) } },
            tokens: sequences.reduce(0) { $0 + $1.count }, rounds: first.joint.rounds)
        let states = try reference.inputHessians(
            sequences, wanted: Set(pending.keys), weights: weights,
            progress: { share in
                weighed.forward(share)
                workspace.update(weighed.fraction, "layer \(min(layers, weighed.layer + 1)) of \(layers)")
            }
        ) { layer, hessians throws(TaperError) in
            // Layers with the same input share a Hessian, and what is made of it.
            var ready: [ObjectIdentifier: LayerHessian] = [:]
            for index in pending[layer] ?? [] {
                try Interrupt.check("Run the same command again to go on")
                let stage = stages[index]
                guard let hessian = hessians[stage.part] else { continue }
                try each(index) { () throws(TaperError) -> [UInt8] in
                    try stage.quantize(checkpoint, hessian, &ready, workspace.pool).workBytes()
                }
                weighed.quantized(rows: stage.rows, columns: stage.columns)
                workspace.update(weighed.fraction, "layer \(layer + 1) of \(layers)")
            }
        }
        workspace.states.keep(states, of: first.model)
    }

    private func quantize(
        _ checkpoint: Checkpoint, _ hessian: InputHessian, _ ready: inout [ObjectIdentifier: LayerHessian],
        _ pool: ThreadPool
    ) throws(TaperError) -> PackedMatrix {
        let weights = try checkpoint.read(name)
        try check.run(name, weights)
        let own =
            if let known = ready[ObjectIdentifier(hessian)] { known } else {
                try LayerHessian(
                    hessian.takeValues(), columns: columns, joint: joint, pool: pool, place: "inputs of " + name)
            }
        ready[ObjectIdentifier(hessian)] = own
        return try quantizeJoint(
            name: name, weights: weights, rows: rows, columns: columns,
            hessians: [RowHessian(rows: 0..<rows, hessian: own)], settings: settings, joint: joint, pool: pool)
    }
}
