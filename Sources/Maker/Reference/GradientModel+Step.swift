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
        states[0].update(from: try weights.embedded([tokens])[0], count: count * hidden)
        for layer in 0..<config.layerCount {
            try Interrupt.check("Nothing was written")
            arithmetic.forward(try weights.block(layer), activations(layer), tokens: count)
        }
        let d = states[config.layerCount + 2]
        let value = try top(
            states[config.layerCount], normalized: states[config.layerCount + 1], tokens: count, loss, report, scratch,
            into: d, gradient)

        // Backward.
        for layer in (0..<config.layerCount).reversed() {
            try Interrupt.check("Nothing was written")
            backward(try weights.block(layer), activations(layer), scratch, tokens: count, d, report, gradient)
        }
        report.embedding(tokens, d, to: gradient)
        return value
    }

    /// Head and loss above the last block's states, [tokens * hiddenSize]; d gets their gradient.
    func top(
        _ last: UnsafeMutablePointer<Float>, normalized: UnsafeMutablePointer<Float>, tokens count: Int, _ loss: Loss,
        _ report: GradientReport, _ scratch: BackwardScratch, into d: UnsafeMutablePointer<Float>,
        _ gradient: (TensorGradient) -> Void
    ) throws(TaperError) -> Double {
        let (head, norm) = (try weights.headMatrix(), try weights.finalNorm())
        arithmetic.normalize(last, norm, tokens: count, into: normalized)
        let logitCount = count * config.vocabularySize
        let logits = try memory.logits.reserve(logitCount)
        arithmetic.head(normalized, head, bias: try weights.headBias(), tokens: count, into: logits)
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
        report.head(input: normalized, outputGradient: logits, to: gradient)
        arithmetic.blas.inputGradient(
            logits, head, tokens: count, rows: config.vocabularySize, columns: config.hiddenSize,
            into: scratch.normalized)
        d.update(repeating: 0, count: count * config.hiddenSize)
        arithmetic.normBackward(last, norm, scratch.normalized, tokens: count, into: d)
        report.norm(
            TensorName.finalNorm, TensorName.finalNormBias, input: last, outputGradient: scratch.normalized,
            to: gradient)
        return value
    }

    /// One block backward, its tensors reported.
    func backward(
        _ block: BlockWeights, _ activations: BlockActivations, _ scratch: BackwardScratch, tokens: Int,
        _ d: UnsafeMutablePointer<Float>, _ report: GradientReport, _ gradient: (TensorGradient) -> Void
    ) {
        withoutActuallyEscaping(gradient) { gradient in
            arithmetic.backward(
                block, activations, scratch, tokens: tokens, d,
                linear: { part, x, dy in
                    report.linear(part, layer: block.layer, input: x, outputGradient: dy, to: gradient)
                },
                norm: { part, x, dy in
                    report.norm(part, layer: block.layer, input: x, outputGradient: dy, to: gradient)
                })
        }
    }
}
