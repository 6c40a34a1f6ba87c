import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage

/// Versions of what the quantizer makes; they stand in bundles' provenance too. Raise one when the same input gives other codes
/// or tables.
enum QuantizerVersion {
    static let nested = 4
    static let joint = 7
    static let tuning = 2
}

/// A matrix as uniform bytes with a scale per row.
struct ByteTensorStage: ByteStage {
    static let kind = StageKind.quantize
    static let version = QuantizerVersion.nested

    let tensor: TensorInput
    var subject: String? { tensor.name }

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        try quantizeInt8(
            name: tensor.name, rows: tensor.shape[0], columns: tensor.shape[1], pool: workspace.pool
        ) { rows throws(TaperError) in try tensor.read(workspace, rows: rows) }.workBytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> PackedInt8 { try PackedInt8(workBytes: bytes) }
}

/// A matrix as nested codes from k-means.
struct NestedTensorStage: ByteStage {
    static let kind = StageKind.quantize
    static let version = QuantizerVersion.nested

    let tensor: TensorInput
    let settings: NestedSettings
    /// Of the linear layers; nil: every input channel counts the same.
    let sensitivity: Artifact<[String: [Float]]>?
    let check: HalfRangeCheck
    var subject: String? { tensor.name }

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        let known = try sensitivity.map { artifact throws(TaperError) in
            try workspace.value(artifact)[tensor.name]
        }
        let importance = (known ?? nil) ?? [Float](repeating: 1, count: columns)
        guard importance.count == columns || importance.count == rows * columns else {
            throw TaperError(
                .internalFault, "\(tensor.name): \(importance.count) sensitivities for \(columns) columns")
        }
        func quantized(_ weights: [Float], firstRow: Int = 0) throws(TaperError) -> PackedMatrix {
            try quantizeNested(
                name: tensor.name, weights: weights, firstRow: firstRow, rows: weights.count / max(1, columns),
                columns: columns, sensitivity: importance, settings: settings, pool: workspace.pool)
        }
        guard tensor.hasRows else {
            let weights = try tensor.read(workspace)
            try check.run(tensor.name, weights)
            return try quantized(weights).workBytes()
        }
        return try PackedMatrix(rows: rows, columns: columns) { part throws(TaperError) in
            try Interrupt.check("Run the same command again to go on")
            return try quantized(try tensor.read(workspace, rows: part), firstRow: part.lowerBound)
        }.workBytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> PackedMatrix { try PackedMatrix(workBytes: bytes) }
}

/// The head's codes under the Hessian of its own inputs, the normalized final states.
struct HeadStage: ByteStage {
    static let kind = StageKind.quantize
    static let version = QuantizerVersion.joint

    let name: String
    let model: ModelInput
    let text: TextInput
    let settings: NestedSettings
    let joint: JointSettings
    var subject: String? { name }

    func make(_ workspace: StageWorkspace) throws(TaperError) -> [UInt8] {
        let checkpoint = try model.open(workspace)
        let (rows, columns) = (model.config.vocabularySize, model.config.hiddenSize)
        let reference = try ReferenceModel(
            checkpoint, residency: .streamed, threads: workspace.threads, precision: .fastest)
        let hessian = try reference.headHessian(
            try text.sequences(workspace), known: workspace.states.known(model)
        ) { workspace.update($0) }
        let own = try LayerHessian(
            hessian.takeValues(), columns: columns, joint: joint, pool: workspace.pool, place: "inputs of the head")
        return try PackedMatrix(rows: rows, columns: columns) { part throws(TaperError) in
            try Interrupt.check("Run the same command again to go on")
            return try quantizeJoint(
                name: name, weights: try checkpoint.read(name, rows: part), firstRow: part.lowerBound,
                rows: part.count, columns: columns, hessians: [RowHessian(rows: 0..<part.count, hessian: own)],
                settings: settings, joint: joint,
                pool: workspace.pool)
        }.workBytes()
    }

    func read(_ bytes: [UInt8]) throws(TaperError) -> PackedMatrix { try PackedMatrix(workBytes: bytes) }
}

/// Weights that will also stand in half precision must fit it. Packing would find it too, but only after all the work. A check
/// refuses and changes no output, so it is in no key.
struct HalfRangeCheck: KeyedContent {
    let isWanted: Bool

    var keyContent: Any { () }
    var text: String { isWanted ? "weights must fit half precision" : "none" }

    func run(_ name: String, _ weights: [Float]) throws(TaperError) {
        if isWanted { try checkHalfRange(name: name, weights: weights) }
    }
}
