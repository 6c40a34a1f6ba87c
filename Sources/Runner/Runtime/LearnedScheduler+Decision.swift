public import Bundle
public import Kernels
public import Model
import Storage

/// Memory of one forward pass of a classifier.
private struct ClassifierScratch {
    var scores: [Float]
    var found: [Float]
    var hidden: [Float]

    init(_ shape: ClassifierShape, positions: Int) {
        scores = [Float](repeating: 0, count: roundedUp(positions, to: LayerStates.block))
        found = [Float](repeating: 0, count: shape.width)
        hidden = [Float](repeating: 0, count: shape.hidden)
    }
}

extension LearnedScheduler {
    /// Added to the variance under the root of the layer norm.
    public static let normEpsilon: Float = 1e-5

    /// Scores of the classes, before softmax, of one classifier.
    ///
    /// For every KV head h, z_h is the mean over queries q of softmax(q K^T / sqrt(headSize)) V; the scores are
    /// W2 relu(W1 norm(z) + b1) + b2.
    public static func scores(
        _ weights: [Float], _ shape: ClassifierShape, _ states: LayerStates, operations: VectorOps
    ) -> [Float] {
        precondition(weights.count == shape.weightCount && states.headSize == shape.headSize, "not this classifier's")
        var scratch = ClassifierScratch(shape, positions: states.positionCount)
        return weights.withUnsafeBufferPointer { all in
            guard let w = all.baseAddress else { return [] }
            gather(w, shape, states, operations, &scratch)
            normalize(w, shape, &scratch.found)
            for unit in 0..<shape.hidden {
                let sum = dot(w + shape.hiddenWeight + unit * shape.width, scratch.found) + w[shape.hiddenBias + unit]
                scratch.hidden[unit] = max(0, sum)
            }
            return (0..<ClassifierShape.classCount).map {
                dot(w + shape.outputWeight + $0 * shape.hidden, scratch.hidden) + w[shape.outputBias + $0]
            }
        }
    }

    /// z of every head into `scratch.found`.
    private static func gather(
        _ w: UnsafePointer<Float>, _ shape: ClassifierShape, _ states: LayerStates, _ operations: VectorOps,
        _ scratch: inout ClassifierScratch
    ) {
        let (size, count) = (shape.headSize, states.positionCount)
        let blocks = scratch.scores.count / LayerStates.block
        let scale = 1 / Float(size).squareRoot()
        scratch.scores.withUnsafeMutableBufferPointer { scores in
            scratch.found.withUnsafeMutableBufferPointer { found in
                states.keys.withUnsafeBufferPointer { keys in
                    states.values.withUnsafeBufferPointer { values in
                        guard let s = scores.baseAddress, let z = found.baseAddress, let k = keys.baseAddress,
                            let v = values.baseAddress
                        else { return }
                        for query in 0..<shape.queries * shape.kvHeads {
                            LayerStates.products(w + query * size, k, size: size, blockCount: blocks, into: s)
                            for index in 0..<count { s[index] *= scale }
                            let sum = operations.softmaxNumerators(s, count: count)
                            let share = 1 / (sum * Float(shape.queries))
                            for index in 0..<count { s[index] *= share }
                            let head = query % shape.kvHeads
                            LayerStates.addWeighted(s, v, size: size, count: count, into: z + head * size)
                        }
                    }
                }
            }
        }
    }

    /// Layer norm over all heads together.
    private static func normalize(_ w: UnsafePointer<Float>, _ shape: ClassifierShape, _ x: inout [Float]) {
        let count = Float(x.count)
        let mean = x.reduce(0, +) / count
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let scale = 1 / (variance + normEpsilon).squareRoot()
        for index in x.indices {
            x[index] = (x[index] - mean) * scale * w[shape.normWeight + index] + w[shape.normBias + index]
        }
    }

    private static func dot(_ row: UnsafePointer<Float>, _ x: [Float]) -> Float {
        var sum: Float = 0
        for index in x.indices { sum += row[index] * x[index] }
        return sum
    }

    /// Softmax of the scores: how likely every class is to be the least that is enough.
    public static func shares(_ scores: [Float], operations: VectorOps) -> [Float] {
        var shares = scores
        let sum = shares.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { operations.softmaxNumerators($0, count: buffer.count) } ?? 1
        }
        return shares.map { $0 / sum }
    }

    /// The least class that is enough with more than this likelihood, or the last.
    public static func choice(_ shares: [Float], confidence: Float) -> Int {
        var sum: Float = 0
        for (index, share) in shares.enumerated() {
            sum += share
            if sum > confidence { return index }
        }
        return shares.count - 1
    }

    /// The class chosen of every pair.
    public func classes(_ states: LayerStates, operations: VectorOps) -> [Int] {
        pairs.map { pair in
            let scores = LearnedScheduler.scores(pair.weights, shape, states, operations: operations)
            // Sums may exceed 1 by their rounding.
            if pair.confidence >= 1 { return ClassifierShape.classCount - 1 }
            return LearnedScheduler.choice(
                LearnedScheduler.shares(scores, operations: operations), confidence: pair.confidence)
        }
    }

    /// Steps at the higher precision that a class stands for, of a limit of `maxNewTokens`; nil: all of them.
    public static func highSteps(ofClass index: Int, maxNewTokens: Int) -> Int? {
        index + 1 == ClassifierShape.classCount ? nil : maxNewTokens * index / (ClassifierShape.classCount - 1)
    }

    /// The schedule that the classes of all pairs make. No switch comes before the one above it: a precision whose turn
    /// would already be over is left out.
    ///
    /// - Parameter classes: of every pair.
    public func schedule(classes: [Int], maxNewTokens: Int) -> PrecisionSchedule {
        var steps = [PrecisionSchedule.Step(fromStep: 0, bits: pairs[0].high)]
        for index in pairs.indices {
            guard let count = LearnedScheduler.highSteps(ofClass: classes[index], maxNewTokens: maxNewTokens)
            else { break }
            let start = max(count, steps[steps.count - 1].fromStep)
            if steps[steps.count - 1].fromStep == start { steps.removeLast() }
            steps.append(PrecisionSchedule.Step(fromStep: start, bits: pairs[index].low))
        }
        return PrecisionSchedule(prefillBits: prefillBits, descending: steps)
    }

    /// Decides once, right after the prefill, from what a sequence holds of it.
    ///
    /// - Parameters:
    ///   - positions: of the sequence, from its first: where the prompt ends.
    ///   - maxNewTokens: the limit of new tokens; negative for none, when the limit of the training is taken.
    public func schedule(
        after sequence: TokenSequence, positions: Int, maxNewTokens: Int, pool: ThreadPool
    ) -> PrecisionSchedule {
        let states = sequence.lastLayerStates(positions: positions, window: window, pool: pool)
        let limit = maxNewTokens < 0 ? self.maxNewTokens : maxNewTokens
        return schedule(classes: classes(states, operations: VectorOps(pool)), maxNewTokens: limit)
    }
}
