import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage
import Text

extension Converter {
    /// Version of the joint quantizer's output; raise it when the same input gives other codes or tables.
    static let jointVersion = 4

    /// Key of a linear tensor's codes under the method `joint`.
    func jointKey(_ name: String) -> ContentKey {
        var key = ContentKey(stage: "joint", version: Self.jointVersion)
        key.add(checkpoint.fingerprint)
        key.add(name)
        key.add(linearSettings.precisions)
        key.add(linearSettings.seedBits)
        key.add(contentsOf: calibration?.bytes ?? [])
        key.add([recipe.calibrationSequences, recipe.calibrationLength])
        let joint = recipe.joint
        key.add(joint.rounds)
        key.add(joint.damping)
        if !recipe.isGuided { key.add("not guided") }
        if !joint.usesFeedback { key.add("no feedback") }
        for bits in linearSettings.precisions { key.add(joint.preferences[bits] ?? 1) }
        return key
    }

    /// Quantizes all linear layers block by block under the Hessians of their inputs; finished tensors are found in the
    /// work folder, and blocks that need nothing get no Hessian.
    func quantizeLinearJointly(_ keys: [String: ContentKey]) throws(TaperError) {
        guard let calibration else {
            throw TaperError(
                .usage, "the method joint needs calibration text", at: "",
                remedy: "Name one with --calibration or in the recipe, or choose the method k-means")
        }
        var pending: [Int: [(part: TensorName.Part, rows: Int, columns: Int)]] = [:]
        for layer in 0..<checkpoint.config.layerCount {
            for item in checkpoint.config.linearParts() {
                let name = TensorName.weight(item.part, layer: layer)
                guard let key = keys[name] else { continue }
                if !options.restart, work.load("tensor", key) != nil {
                    reused += 1
                } else {
                    pending[layer, default: []].append(item)
                }
            }
        }
        guard !pending.isEmpty else {
            progress.begin("quantize jointly")
            progress.end("\(keys.count) tensors at \(precisionText), all reused")
            return
        }
        let tokenizer = try checkpoint.tokenizer()
        let sequences = try calibration.sequences(
            tokenizer, count: recipe.calibrationSequences,
            length: min(recipe.calibrationLength, checkpoint.config.contextLength))
        let tokenWeights = try tokenWeights(calibration, sequences)
        progress.begin("quantize jointly")
        let start = monotonicSeconds()
        let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
        var weightCount = 0
        var seconds = 0.0
        var before: [TensorName.Part: [Double]] = [:]
        var after: [TensorName.Part: [Double]] = [:]
        try model.inputHessians(
            sequences, wanted: Set(pending.keys), weights: tokenWeights, progress: { progress.update($0) }
        ) {
            layer, hessians throws(TaperError) in
            // Layers with the same input share a Hessian, and what is made of it.
            var ready: [ObjectIdentifier: LayerHessian] = [:]
            for item in pending[layer] ?? [] {
                try Interrupt.check("Run the same command again to go on")
                let name = TensorName.weight(item.part, layer: layer)
                guard let key = keys[name], let hessian = hessians[item.part] else { continue }
                let weights = try checkpoint.read(name)
                if recipe.holdsHalf { try checkHalfRange(name: name, weights: weights) }
                let begun = monotonicSeconds()
                let own =
                    ready[ObjectIdentifier(hessian)]
                    ?? LayerHessian(hessian.values, columns: item.columns, joint: recipe.joint, pool: pool)
                ready[ObjectIdentifier(hessian)] = own
                let packed = try quantizeJoint(
                    name: name, weights: weights, rows: item.rows, columns: item.columns,
                    hessians: [RowHessian(rows: 0..<item.rows, hessian: own)], settings: linearSettings,
                    joint: recipe.joint, pool: pool
                ) { b, a in
                    before[item.part] = zip(before[item.part] ?? b.map { _ in 0 }, b).map { $0 + $1 }
                    after[item.part] = zip(after[item.part] ?? a.map { _ in 0 }, a).map { $0 + $1 }
                }
                seconds += monotonicSeconds() - begun
                weightCount += weights.count
                try work.store(packed.workBytes(), "tensor", key)
                made += 1
            }
        }
        for part in TensorName.Part.allCases {
            guard let b = before[part], let a = after[part] else { continue }
            progress.note(part.rawValue + " " + zip(b, a).map { fixed($1 / $0, 4) }.joined(separator: " "))
        }
        let total = max(monotonicSeconds() - start, 1e-9)
        progress.end(
            "\(keys.count) tensors at \(precisionText), \(fixed(Double(weightCount) / max(seconds, 1e-9) / 1e6, 2)) million "
                + "weights/s, \(fixed(total - seconds, 0)) s in the float model")
    }

    /// Positions weighed by what errors there do to the logits; nil where the recipe wants them to count alike.
    private func tokenWeights(
        _ calibration: CalibrationText, _ sequences: [[Int]]
    ) throws(TaperError) -> TokenWeights? {
        guard recipe.isGuided else { return nil }
        var key = ContentKey(stage: "guide", version: 1)
        key.add(checkpoint.fingerprint)
        key.add(contentsOf: calibration.bytes)
        key.add([recipe.calibrationSequences, recipe.calibrationLength])
        progress.begin("weigh positions")
        // Only wanted while tensors are, so it does not count among the outputs that are made and reused.
        var bytes = options.restart ? nil : work.load("guide", key)
        if bytes == nil {
            try checkMemory(
                for: "weighing positions", bytesPerWeight: 5,
                remedy: "Put \"guided\": false into the recipe, or choose the effort fast")
            let model = try GradientModel(WeightSource(checkpoint), threads: options.threads)
            let made = try model.tokenWeights(sequences, seed: 1) { progress.update($0) }.bytes
            try work.store(made, "guide", key)
            bytes = made
        }
        let weights = try TokenWeights(bytes: bytes ?? [], layers: checkpoint.config.layerCount)
        progress.end("by the gradients of \(sequences.count) sequences")
        return weights
    }
}
