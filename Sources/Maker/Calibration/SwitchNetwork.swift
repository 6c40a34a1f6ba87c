public import Bundle
public import Kernels
public import Runtime
public import Storage

/// A prompt's states in both orders, for the products of the backward pass.
public struct TrainingStates: Sendable {
    let states: LayerStates
    /// Keys as rows [positions][headSize], values in blocks [positions / 16, rounded up][headSize][16].
    let keyRows: [Float]
    let valueBlocks: [Float]

    public init(_ states: LayerStates) {
        self.states = states
        let size = states.headSize
        let block = LayerStates.block
        var rows = [Float](repeating: 0, count: states.values.count)
        var blocks = [Float](repeating: 0, count: states.keys.count)
        for position in 0..<states.positionCount {
            for element in 0..<size {
                let blocked = (position / block * size + element) * block + position % block
                rows[position * size + element] = states.keys[blocked]
                blocks[blocked] = states.values[position * size + element]
            }
        }
        keyRows = rows
        valueBlocks = blocks
    }
}

/// A switch classifier with the gradient of its cross-entropy, written once more for training: with dropout, and keeping
/// what the backward pass needs. `LearnedScheduler.scores` is the same function for the runner.
public struct SwitchNetwork {
    public let shape: ClassifierShape
    public let operations: VectorOps

    public init(_ shape: ClassifierShape, operations: VectorOps) {
        self.shape = shape
        self.operations = operations
    }

    /// Factors for what enters the hidden layer [width] and leaves it [hidden]: 0, or 1 / (1 - rate).
    public struct Dropout: Sendable {
        let input: [Float]
        let hidden: [Float]

        public static func none(_ shape: ClassifierShape) -> Dropout {
            Dropout(
                input: [Float](repeating: 1, count: shape.width), hidden: [Float](repeating: 1, count: shape.hidden))
        }

        init(input: [Float], hidden: [Float]) {
            self.input = input
            self.hidden = hidden
        }

        public init(_ shape: ClassifierShape, rate: Double, generator: inout RandomGenerator) {
            func factors(_ count: Int) -> [Float] {
                (0..<count).map { _ in generator.uniform() < rate ? 0 : Float(1 / (1 - rate)) }
            }
            input = factors(shape.width)
            hidden = factors(shape.hidden)
        }
    }

    /// Random weights: queries and hidden layer uniform with the variance 1 / inputs, the output layer zero with the
    /// logarithms of the classes' frequencies as bias, so that training begins at the prior.
    func initialWeights(prior: [Double], seed: UInt64) -> [Float] {
        var generator = RandomGenerator(seed: seed)
        var w = [Float](repeating: 0, count: shape.weightCount)
        func fill(_ range: Range<Int>, inputs: Int) {
            let bound = (3 / Double(inputs)).squareRoot()
            for index in range { w[index] = Float((2 * generator.uniform() - 1) * bound) }
        }
        fill(0..<shape.normWeight, inputs: shape.headSize)
        for index in shape.normWeight..<shape.normBias { w[index] = 1 }
        fill(shape.hiddenWeight..<shape.hiddenBias, inputs: shape.width)
        for (index, share) in prior.enumerated() {
            w[shape.outputBias + index] = Float(logarithm(max(share, 1e-3)))
        }
        return w
    }

    /// Cross-entropy of `target` times `weight`; its gradient is added to `gradient`, [weightCount].
    public func step(
        _ weights: UnsafePointer<Float>, _ example: TrainingStates, target: Int, weight: Float, dropout: Dropout,
        gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        let pass = forward(weights, example, dropout: dropout)
        let (width, hidden) = (shape.width, shape.hidden)
        // Softmax and cross-entropy.
        var slope = SwitchNetwork.softmax(pass.scores)
        let loss = -logarithm(max(Double(slope[target]), 1e-30)) * Double(weight)
        slope[target] -= 1
        for index in slope.indices { slope[index] *= weight }
        // Output layer.
        var hiddenSlope = [Float](repeating: 0, count: hidden)
        for (index, value) in slope.enumerated() {
            let row = shape.outputWeight + index * hidden
            for unit in 0..<hidden {
                gradient[row + unit] += value * pass.hidden[unit]
                hiddenSlope[unit] += value * weights[row + unit]
            }
            gradient[shape.outputBias + index] += value
        }
        // Hidden layer; `pass.hidden` is zero where ReLU or dropout made it so.
        var inputSlope = [Float](repeating: 0, count: width)
        for unit in 0..<hidden where pass.hidden[unit] > 0 {
            let value = hiddenSlope[unit] * dropout.hidden[unit]
            let row = shape.hiddenWeight + unit * width
            for index in 0..<width {
                gradient[row + index] += value * pass.input[index]
                inputSlope[index] += value * weights[row + index]
            }
            gradient[shape.hiddenBias + unit] += value
        }
        // Layer norm (Ba et al. 2016): the slope without its mean and its part along the normalized input.
        var normSlope = [Float](repeating: 0, count: width)
        for index in 0..<width {
            let value = inputSlope[index] * dropout.input[index]
            gradient[shape.normWeight + index] += value * pass.normalized[index]
            gradient[shape.normBias + index] += value
            normSlope[index] = value * weights[shape.normWeight + index]
        }
        let mean = normSlope.reduce(0, +) / Float(width)
        let along = zip(normSlope, pass.normalized).reduce(0) { $0 + $1.0 * $1.1 } / Float(width)
        for index in 0..<width {
            normSlope[index] = (normSlope[index] - mean - pass.normalized[index] * along) * pass.normScale
        }
        queryGradient(pass, example, slope: normSlope, into: gradient)
        return loss
    }

    /// Through values, softmax and keys to the queries.
    private func queryGradient(
        _ pass: Pass, _ example: TrainingStates, slope: [Float], into gradient: UnsafeMutablePointer<Float>
    ) {
        let (size, count) = (shape.headSize, example.states.positionCount)
        let padded = roundedUp(count, to: LayerStates.block)
        let scale = 1 / Float(size).squareRoot()
        var scoreSlope = [Float](repeating: 0, count: padded)
        scoreSlope.withUnsafeMutableBufferPointer { buffer in
            slope.withUnsafeBufferPointer { slope in
                guard let s = buffer.baseAddress, let z = slope.baseAddress else { return }
                for query in 0..<shape.queries * shape.kvHeads {
                    let head = query % shape.kvHeads
                    LayerStates.products(
                        z + head * size, example.valueBlocks, size: size, blockCount: padded / LayerStates.block,
                        into: s)
                    // `shares` sum to 1 / queries, so they carry the factor of the mean.
                    let shares = pass.shares[query * count..<(query + 1) * count]
                    var mean: Float = 0
                    for (index, share) in shares.enumerated() { mean += share * s[index] }
                    mean *= Float(shape.queries)
                    for (index, share) in shares.enumerated() { s[index] = share * (s[index] - mean) * scale }
                    LayerStates.addWeighted(s, example.keyRows, size: size, count: count, into: gradient + query * size)
                }
            }
        }
    }

    /// What the backward pass needs.
    struct Pass {
        /// [queries * kvHeads][positions], already divided by the number of queries.
        var shares: [Float]
        /// [width]: after the norm but before its weight, and after weight, bias and dropout.
        var normalized: [Float]
        var normScale: Float
        var input: [Float]
        /// After ReLU and dropout.
        var hidden: [Float]
        var scores: [Float]
    }

    /// Scores of the classes, before softmax.
    public func scores(_ weights: [Float], _ example: TrainingStates, dropout: Dropout) -> [Float] {
        forward(weights, example, dropout: dropout).scores
    }

    func forward(_ weights: UnsafePointer<Float>, _ example: TrainingStates, dropout: Dropout) -> Pass {
        let states = example.states
        let (size, count, width) = (shape.headSize, states.positionCount, shape.width)
        let padded = roundedUp(count, to: LayerStates.block)
        let queries = shape.queries * shape.kvHeads
        var shares = [Float](repeating: 0, count: queries * count)
        var found = [Float](repeating: 0, count: width)
        var row = [Float](repeating: 0, count: padded)
        row.withUnsafeMutableBufferPointer { row in
            found.withUnsafeMutableBufferPointer { found in
                guard let s = row.baseAddress, let z = found.baseAddress else { return }
                for query in 0..<queries {
                    LayerStates.products(
                        weights + query * size, states.keys, size: size, blockCount: padded / LayerStates.block, into: s
                    )
                    let scale = 1 / Float(size).squareRoot()
                    for index in 0..<count { s[index] *= scale }
                    let factor = 1 / (operations.softmaxNumerators(s, count: count) * Float(shape.queries))
                    for index in 0..<count {
                        s[index] *= factor
                        shares[query * count + index] = s[index]
                    }
                    LayerStates.addWeighted(
                        s, states.values, size: size, count: count, into: z + query % shape.kvHeads * size)
                }
            }
        }
        let mean = found.reduce(0, +) / Float(width)
        let variance = found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(width)
        let normScale = 1 / (variance + LearnedScheduler.normEpsilon).squareRoot()
        let normalized = found.map { ($0 - mean) * normScale }
        let input = (0..<width).map { index in
            (normalized[index] * weights[shape.normWeight + index] + weights[shape.normBias + index])
                * dropout.input[index]
        }
        func layer(_ x: [Float], rows: Int, at weight: Int, bias: Int) -> [Float] {
            (0..<rows).map { unit in
                var sum = weights[bias + unit]
                let row = weights + weight + unit * x.count
                for index in x.indices { sum += row[index] * x[index] }
                return sum
            }
        }
        let raw = layer(input, rows: shape.hidden, at: shape.hiddenWeight, bias: shape.hiddenBias)
        let hidden = raw.enumerated().map { max(0, $0.element) * dropout.hidden[$0.offset] }
        let scores = layer(
            hidden, rows: ClassifierShape.classCount, at: shape.outputWeight, bias: shape.outputBias)
        return Pass(
            shares: shares, normalized: normalized, normScale: normScale, input: input, hidden: hidden, scores: scores)
    }

    public static func softmax(_ scores: [Float]) -> [Float] {
        let highest = Double(scores.max() ?? 0)
        let numerators = scores.map { exponential(Double($0) - highest) }
        let sum = numerators.reduce(0, +)
        return numerators.map { Float($0 / sum) }
    }
}
