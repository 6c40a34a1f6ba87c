import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage
import Text

extension Converter {
    /// Version of the joint quantizer's output; raise it when the same input gives other codes or tables.
    static let jointVersion = 5

    /// Of the draws that weigh positions.
    static let guideSeed: UInt64 = 1

    /// Quantizes all linear layers block by block under the Hessians of their inputs; finished tensors are found in the
    /// work folder, and blocks that need nothing get no Hessian.
    func quantizeLinearJointly(_ keys: StageKeys) throws(TaperError) {
        var pending: [Int: [(part: TensorName.Part, rows: Int, columns: Int)]] = [:]
        for layer in 0..<checkpoint.config.layerCount {
            for item in checkpoint.config.linearParts() {
                let name = TensorName.weight(item.part, layer: layer)
                guard let key = keys.codes[name] else { continue }
                if !options.restart, work.contains("tensor", key) {
                    reused += 1
                } else {
                    pending[layer, default: []].append(item)
                }
            }
        }
        guard !pending.isEmpty else {
            progress.begin("quantize jointly")
            progress.end("all layers at \(precisionText), reused")
            return
        }
        let sequences = try sequences(.statistics)
        let tokenWeights = try tokenWeights(keys.guide, sequences)
        progress.begin("quantize jointly")
        let start = monotonicSeconds()
        let model = try ReferenceModel(checkpoint, residency: .streamed, threads: options.threads)
        var weightCount = 0
        var seconds = 0.0
        let layers = checkpoint.config.layerCount
        var weighed = JointProgress(
            checkpoint.config, pending: pending.mapValues { $0.map { (rows: $0.rows, columns: $0.columns) } },
            tokens: sequences.reduce(0) { $0 + $1.count }, rounds: recipe.joint.rounds)
        finalStates = try model.inputHessians(
            sequences, wanted: Set(pending.keys), weights: tokenWeights,
            progress: { share in
                weighed.forward(share)
                progress.update(weighed.fraction, "layer \(min(layers, weighed.layer + 1)) of \(layers)")
            }
        ) {
            layer, hessians throws(TaperError) in
            // Layers with the same input share a Hessian, and what is made of it.
            var ready: [ObjectIdentifier: LayerHessian] = [:]
            for item in pending[layer] ?? [] {
                try Interrupt.check("Run the same command again to go on")
                let name = TensorName.weight(item.part, layer: layer)
                guard let key = keys.codes[name], let hessian = hessians[item.part] else { continue }
                let weights = try checkpoint.read(name)
                if recipe.holdsHalf { try checkHalfRange(name: name, weights: weights) }
                let begun = monotonicSeconds()
                let own =
                    if let known = ready[ObjectIdentifier(hessian)] { known } else {
                        try LayerHessian(
                            hessian.values, columns: item.columns, joint: recipe.joint, pool: pool,
                            place: "inputs of " + name)
                    }
                ready[ObjectIdentifier(hessian)] = own
                let packed = try quantizeJoint(
                    name: name, weights: weights, rows: item.rows, columns: item.columns,
                    hessians: [RowHessian(rows: 0..<item.rows, hessian: own)], settings: recipe.linearSettings,
                    joint: recipe.joint, pool: pool)
                seconds += monotonicSeconds() - begun
                weightCount += weights.count
                try work.store(packed.workBytes(), "tensor", key)
                made += 1
                weighed.quantized(rows: item.rows, columns: item.columns)
                progress.update(weighed.fraction, "layer \(layer + 1) of \(layers)")
            }
        }
        let total = max(monotonicSeconds() - start, 1e-9)
        progress.end(
            "all layers at \(precisionText), \(fixed(Double(weightCount) / max(seconds, 1e-9) / 1e6, 2)) million "
                + "weights/s; \(fixed(total - seconds, 0)) s went into the full-precision model")
    }

    /// Positions weighed by what errors there do to the logits; nil where the recipe wants them to count alike.
    private func tokenWeights(_ key: ContentKey?, _ sequences: [[Int]]) throws(TaperError) -> TokenWeights? {
        guard let key else { return nil }
        progress.begin("weigh positions")
        let layers = checkpoint.config.layerCount
        // Only wanted while tensors are, so it does not count among the outputs that are made and reused.
        var weights: TokenWeights?
        if !options.restart, let bytes = work.load("guide", key) {
            weights = try? TokenWeights(bytes: bytes, layers: layers)
            if weights == nil { work.discard("guide", key) }
        }
        if weights == nil {
            let model = try GradientModel(WeightSource(checkpoint), threads: options.threads)
            let made = try model.tokenWeights(sequences, seed: Self.guideSeed) { progress.update($0) }
            try work.store(made.bytes, "guide", key)
            weights = made
        }
        progress.end("by the gradients of \(sequences.count) sequences")
        return weights
    }
}
