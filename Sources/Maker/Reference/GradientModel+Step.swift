internal import CGradient
import Kernels
import Model
public import Storage

extension GradientModel {
    /// Overwrites logits, [tokens * vocabularySize], with the gradient of a loss, and returns the loss.
    public typealias Loss = (UnsafeMutableBufferPointer<Float>) -> Double

    /// Forward and backward for one sequence.
    ///
    /// Linear layers are reported from the head (always as `lm_head.weight`) to the first block, wanted or not, with
    /// their inputs and output gradients. Other tensors are reported when wanted: biases beside their layer, norms
    /// after the layers that read them, the embedding last. A tied head has no gradient of its own: it is part of the
    /// embedding's.
    /// - Parameters:
    ///   - wanted: whether the gradient of this tensor is to be computed; called once for every tensor.
    ///   - gradient: must not call the model.
    /// - Returns: the loss.
    /// - Throws: `usage` for an empty or too long sequence or an unknown token; `inputOutput` without memory.
    public func step(
        _ tokens: [Int], loss: Loss, wanted: (String) -> Bool, gradient: (TensorGradient) -> Void
    ) throws(TaperError) -> Double {
        try arithmetic.check(tokens)
        let count = tokens.count
        let hidden = config.hiddenSize
        // States before every block, after the last, normalized; then the gradient that runs back.
        let states = try memory.states.reserve(
            pieces: [Int](repeating: count * hidden, count: config.layerCount + 3))
        let sizes = BlockActivations.keptSizes(config, tokens: count)
        let kept = try memory.kept.reserve(pieces: (0..<config.layerCount).flatMap { _ in sizes })
        let shared = try memory.shared.reserve(
            pieces: BlockActivations.sharedSizes(config, tokens: count, visible: count))
        let scratch = BackwardScratch(
            try memory.backward.reserve(pieces: BackwardScratch.sizes(config, tokens: count)))
        func activations(_ layer: Int) -> BlockActivations {
            BlockActivations(
                config, input: states[layer], output: states[layer + 1],
                kept: Array(kept[layer * sizes.count..<(layer + 1) * sizes.count]), shared: shared)
        }
        let report = try GradientReport(self, tokens: count, wanted: wanted)

        // Forward.
        arithmetic.embed(tokens, tensor(TensorName.embedding), into: states[0])
        for layer in 0..<config.layerCount {
            try Interrupt.check("Nothing was written")
            arithmetic.forward(try blockWeights(layer), activations(layer), tokens: count)
        }
        let last = states[config.layerCount]
        let normalized = states[config.layerCount + 1]
        let d = states[config.layerCount + 2]
        arithmetic.normalize(last, finalNorm, tokens: count, into: normalized)
        let logits = try memory.logits.reserve(count * config.vocabularySize)
        arithmetic.head(
            normalized, tensor(headName), bias: tensor(TensorName.headBias), tokens: count, into: logits)
        let logitCount = count * config.vocabularySize
        let capped = try config.logitCap.map { _ throws(TaperError) in try memory.cappedLogits.reserve(logitCount) }
        capped?.update(from: logits, count: logitCount)
        let value = loss(UnsafeMutableBufferPointer(start: logits, count: logitCount))
        if let cap = config.logitCap, let capped {
            let columns = config.vocabularySize
            let functions = arithmetic.functions
            arithmetic.ops.rows(count) {
                functions.cap_backward(
                    capped + $0 * columns, Float(cap), Int32(columns), logits + $0 * columns)
            }
        }

        // Backward.
        report.head(input: normalized, outputGradient: logits, to: gradient)
        arithmetic.blas.inputGradient(
            logits, tensor(headName), tokens: count, rows: config.vocabularySize, columns: hidden,
            into: scratch.normalized)
        d.update(repeating: 0, count: count * hidden)
        arithmetic.normBackward(last, finalNorm, scratch.normalized, tokens: count, into: d)
        report.norm(
            TensorName.finalNorm, TensorName.finalNormBias, input: last, outputGradient: scratch.normalized,
            to: gradient)
        for layer in (0..<config.layerCount).reversed() {
            try Interrupt.check("Nothing was written")
            arithmetic.backward(
                try blockWeights(layer), activations(layer), scratch, tokens: count, d,
                linear: { part, x, dy in
                    report.linear(part, layer: layer, input: x, outputGradient: dy, to: gradient)
                },
                norm: { part, x, dy in
                    report.norm(part, layer: layer, input: x, outputGradient: dy, to: gradient)
                })
        }
        report.embedding(tokens, d, to: gradient)
        return value
    }
}
