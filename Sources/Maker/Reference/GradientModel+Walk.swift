import Kernels
import Model
public import Storage

extension GradientModel {
    /// Forward and backward for several sequences, block by block: every block's weights are read twice for all of them, and
    /// what a block computes is computed again on the way back. The gradients are those of a step, bit for bit.
    ///
    /// - Parameters:
    ///   - loss: of a sequence by its index.
    ///   - wanted: as for a step; the embedding's gradient is not to be had.
    ///   - gradient: hears a sequence's index, too.
    /// - Returns: the losses.
    /// - Throws: what a step throws.
    public func walk(
        _ sequences: [[Int]], loss: (Int) -> Loss, wanted: (String) -> Bool, progress: (Double) -> Void = { _ in },
        gradient: (Int, TensorGradient) -> Void
    ) throws(TaperError) -> [Double] {
        for tokens in sequences { try arithmetic.check(tokens) }
        guard let longest = sequences.map(\.count).max() else { return [] }
        let (hidden, layers) = (config.hiddenSize, config.layerCount)
        var starts = [0]
        for tokens in sequences { starts.append(starts[starts.count - 1] + tokens.count) }
        let total = starts[sequences.count] * hidden
        // States before every block and after the last, then the gradient that runs back.
        let states = try memory.walkStates.reserve(pieces: [Int](repeating: total, count: layers + 2))
        let normalized = try memory.states.reserve(longest * hidden)
        let kept = try memory.kept.reserve(pieces: BlockActivations.keptSizes(config, tokens: longest))
        let shared = try memory.shared.reserve(
            pieces: BlockActivations.sharedSizes(config, tokens: longest, visible: longest))
        let scratch = BackwardScratch(
            try memory.backward.reserve(pieces: BackwardScratch.sizes(config, tokens: longest)))
        func activations(_ layer: Int, _ index: Int) -> BlockActivations {
            let at = starts[index] * hidden
            return BlockActivations(
                config, input: states[layer] + at, output: states[layer + 1] + at, kept: kept, shared: shared)
        }
        // Three visits to every block for every sequence: forward, again, and back.
        let share = 1 / Double(3 * layers * sequences.count)
        var visits = 0
        func done(_ count: Int) throws(TaperError) {
            visits += count
            progress(Double(visits) * share)
            try Interrupt.check("Run the same command again to go on")
        }

        for (index, values) in try weights.embedded(sequences).enumerated() {
            (states[0] + starts[index] * hidden).update(from: values, count: values.count)
        }
        for layer in 0..<layers {
            let block = try weights.block(layer)
            for (index, tokens) in sequences.enumerated() {
                arithmetic.forward(block, activations(layer, index), tokens: tokens.count)
                try done(1)
            }
        }
        var losses: [Double] = []
        var reports: [GradientReport] = []
        for (index, tokens) in sequences.enumerated() {
            let report = try GradientReport(self, tokens: tokens.count, wanted: wanted)
            reports.append(report)
            let at = starts[index] * hidden
            losses.append(
                try top(
                    states[layers] + at, normalized: normalized, tokens: tokens.count, loss(index), report, scratch,
                    into: states[layers + 1] + at
                ) { gradient(index, $0) })
        }
        for layer in (0..<layers).reversed() {
            let block = try weights.block(layer)
            for (index, tokens) in sequences.enumerated() {
                let own = activations(layer, index)
                arithmetic.forward(block, own, tokens: tokens.count)
                backward(
                    block, own, scratch, tokens: tokens.count, states[layers + 1] + starts[index] * hidden,
                    reports[index]
                ) { gradient(index, $0) }
                try done(2)
            }
        }
        return losses
    }

    /// Sequences cut into groups whose walk holds at most so many bytes of states, in their order; one sequence at least.
    func groups(_ sequences: [[Int]], stateBytes: Int) -> [Range<Int>] {
        let each = 4 * config.hiddenSize * (config.layerCount + 2)
        var groups: [Range<Int>] = []
        var (start, size) = (0, 0)
        for (index, tokens) in sequences.enumerated() {
            if index > start, size + tokens.count * each > stateBytes {
                groups.append(start..<index)
                (start, size) = (index, 0)
            }
            size += tokens.count * each
        }
        if start < sequences.count { groups.append(start..<sequences.count) }
        return groups
    }
}
