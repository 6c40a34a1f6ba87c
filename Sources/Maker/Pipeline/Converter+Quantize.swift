import Bundle
import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage

/// Where a quantized tensor waits in the work folder.
struct StoredTensor {
    enum Encoding { case nested, int8, vector }
    let name: String
    let encoding: Encoding
    let key: ContentKey
}

extension Converter {
    /// Version of the quantizer's output; raise it when the same input gives other codes or tables.
    static let quantizerVersion = 3

    /// Mean square of every input channel of every linear layer, from the float model on the calibration text; for the method
    /// any-precision the squared gradient of every weight.
    func sensitivity(_ keys: StageKeys) throws(TaperError) -> [String: [Float]] {
        guard let calibration = inputs.calibration, let key = keys.sensitivity else {
            progress.warn(
                "no calibration text, so every input channel counts the same; 2 and 3 bits suffer most. "
                    + "Name a text with \(field("calibration")) or in the recipe, or let the model write with \(field("generated"))"
            )
            return [:]
        }
        progress.begin("sensitivity")
        let reusedBefore = reused
        let values = try stored("sensitivity", key) { () throws(TaperError) -> [UInt8] in
            let sequences = try sequences(.statistics)
            let moments =
                recipe.effectiveMethod == .anyPrecision
                ? try GradientModel(WeightSource(checkpoint), threads: options.threads)
                    .fisher(sequences) { progress.update($0) }
                : try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
                    .inputMoments(sequences) { progress.update($0) }
            var writer = ByteWriter()
            writer.u64(UInt64(moments.count))
            for name in moments.keys.sorted() {
                guard moments[name]?.allSatisfy(\.isFinite) != false else {
                    throw TaperError(
                        .badData, "the activations on the calibration text are not finite", at: name,
                        remedy: "The checkpoint's weights are damaged, or too large to compute with")
                }
                writer.u32(UInt32(name.utf8.count))
                writer.string(name)
                writer.floats(moments[name] ?? [])
            }
            return writer.bytes
        } read: { bytes throws(TaperError) in
            try bytes.withBytes { raw throws(TaperError) -> [String: [Float]] in
                var reader = ByteReader(raw, place: "stored sensitivity")
                var all: [String: [Float]] = [:]
                for _ in 0..<(try reader.count("tensors", limit: 1 << 20)) {
                    let name = try reader.string(Int(try reader.u32("name length")), "name")
                    all[name] = try reader.floats("values")
                }
                return all
            }
        }
        progress.end(
            "\(values.count) layers, \(recipe.calibrationSequences) x \(recipe.calibrationLength) tokens asked of "
                + calibration.name + (reused > reusedBefore ? ", reused" : ""))
        return values
    }

    /// Quantizes every tensor, largest memory one tensor; finished ones are found in the work folder.
    func quantize(_ keys: StageKeys) throws(TaperError) -> [StoredTensor] {
        let isJoint = recipe.effectiveMethod == .joint
        if isJoint { try quantizeLinearJointly(keys) }
        let moments = isJoint ? [:] : try sensitivity(keys)
        progress.begin("quantize")
        let start = monotonicSeconds()
        let requirements = checkpoint.config.tensorRequirements()
        // Shares of time; what is there already takes none.
        let costs = requirements.map { estimate.quantizing($0, isJoint: isJoint) }
        var total = max(costs.reduce(0, +), 1e-9)
        var done = 0.0
        var computed = 0
        var result: [StoredTensor] = []
        for (tensor, cost) in zip(requirements, costs) {
            let count = tensor.shape.reduce(1, *)
            guard let key = keys.codes[tensor.name] else {
                throw TaperError(.internalFault, "the tensor has no key", at: tensor.name)
            }
            let encoding = recipe.encoding(of: tensor)
            let before = made
            switch encoding {
            case .vector: break
            case .int8:
                _ = try stored("tensor", key) { () throws(TaperError) -> [UInt8] in
                    try quantizeInt8(
                        name: tensor.name, weights: try checkpoint.read(tensor.name), rows: tensor.shape[0],
                        columns: tensor.shape[1], pool: pool
                    ).workBytes()
                } read: { bytes throws(TaperError) in
                    try PackedInt8(workBytes: bytes)
                }
            case .nested where isJoint && tensor.isLinear: break
            case .nested:
                let settings = tensor.isLinear ? recipe.linearSettings : recipe.embeddingSettings
                let columns = tensor.shape[1]
                let importance = moments[tensor.name] ?? [Float](repeating: 1, count: columns)
                guard importance.count == columns || importance.count == count else {
                    throw TaperError(
                        .internalFault, "\(tensor.name): \(importance.count) sensitivities for \(columns) columns")
                }
                _ = try stored("tensor", key) { () throws(TaperError) -> [UInt8] in
                    let weights = try checkpoint.read(tensor.name)
                    // Packing would find it too, but only after all the work.
                    if tensor.isLinear, recipe.holdsHalf {
                        try checkHalfRange(name: tensor.name, weights: weights)
                    }
                    if tensor.name == checkpoint.config.headName, isJoint {
                        // Its inputs take most of the time.
                        return try quantizeHead(tensor, weights: weights) {
                            progress.update((done + cost * estimate.headForwardShare * $0) / total, "the head")
                        }.workBytes()
                    }
                    return try quantizeNested(
                        name: tensor.name, weights: weights, rows: tensor.shape[0], columns: columns,
                        sensitivity: importance, settings: settings, pool: pool
                    ).workBytes()
                } read: { bytes throws(TaperError) in
                    try PackedMatrix(workBytes: bytes)
                }
            }
            result.append(StoredTensor(name: tensor.name, encoding: encoding, key: key))
            if made == before {
                total = max(total - cost, 1e-9)
            } else {
                done += cost
                computed += count
                progress.update(done / total, TensorName.place(tensor.name, of: checkpoint.config))
            }
        }
        let seconds = max(monotonicSeconds() - start, 1e-9)
        let rate = computed > 0 ? ", \(fixed(Double(computed) / seconds / 1e6, 1)) million weights/s" : ", all reused"
        progress.end("\(result.count) tensors at \(precisionText)\(rate)")
        return result
    }

    var precisionText: String { recipe.precisions.map(String.init).joined(separator: ", ") + " bits" }
}
