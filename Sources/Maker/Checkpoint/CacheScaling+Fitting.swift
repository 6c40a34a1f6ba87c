import Model
public import Storage

// What keys and values can become follows from the weights alone. A normalized input has at most the length
// sqrt(hiddenSize), so for a row w, the norm's gain g and shift s, and a bias b (Cauchy and Schwarz):
//     |w . norm(x) + b| <= sqrt(hiddenSize) |g w| + |w . s + b|
extension CacheScaling {
    /// A quarter of the largest half, since quantized weights and inputs can exceed the bound a little.
    static let largest = 0x1p14
    /// Below this bound typical numbers, some hundred times smaller, reach the subnormal halves.
    static let smallest = 0x1p-6
    /// Where a channel's bound is put when nothing else decides: numbers of about one.
    static let nominal = 0x1p6

    /// The scaling that a model needs; the identity for nearly all.
    public init(fitting checkpoint: Checkpoint, progress: (Double) -> Void = { _ in }) throws(TaperError) {
        let config = checkpoint.config
        var blocks: [Block] = []
        for layer in 0..<config.layerCount {
            try Interrupt.check("Nothing was written")
            let none = [Int](repeating: 0, count: config.kvSize)
            var block = Block(keys: none, values: none)
            // Nothing bounds what attention reads where only outputs are normalized; there the runtime watches alone.
            guard config.has(.inputNorm) else {
                blocks.append(block)
                continue
            }
            let norm = try InputNorm(checkpoint, layer: layer)
            let values = try norm.bounds(of: .value)
            // A norm of keys bounds them, and would take back every scale.
            if config.queryKeyNorm == .none {
                let pairs = (config.layers[layer].rotation?.size ?? 0) / 2
                let keys = CacheScaling.paired(try norm.bounds(of: .key), pairs: pairs, config)
                if CacheScaling.isSuspect(keys) {
                    // A row's own scale takes any power of two, so key rows may differ as they like.
                    let partners = CacheScaling.cachedMaxima(
                        CacheScaling.paired(try norm.bounds(of: .query), pairs: pairs, config), config)
                    block.keys = CacheScaling.exponents(keys, partners: partners, evens: false)
                }
            }
            if CacheScaling.isSuspect(values) {
                let columns = try CacheScaling.columnLengths(checkpoint, layer: layer)
                block.values = CacheScaling.exponents(
                    values, partners: CacheScaling.cachedMaxima(columns, config), evens: true)
            }
            blocks.append(block)
            progress(Double(layer + 1) / Double(config.layerCount))
        }
        try self.init(blocks: blocks, config: config, place: checkpoint.path)
    }

    private static func isSuspect(_ bounds: [Double]) -> Bool {
        bounds.contains { $0.isFinite && ($0 > largest || ($0 > 0 && $0 < smallest)) }
    }

    /// - Parameters:
    ///   - partners: how much each channel counts afterwards: the size of what it is multiplied with.
    ///   - evens: the partners share a row's scale in quantization, so exponents that make them equally large are best.
    static func exponents(_ bounds: [Double], partners: [Double], evens: Bool) -> [Int] {
        let product = zip(bounds, partners).map { $0 * $1 }.max() ?? 0
        // Too small matters where the spacing of subnormal halves, 2^-24, is felt in the result like the rounding of the
        // largest channel, of typically a 64th of its bound.
        let isChanged = zip(bounds, partners).map { bound, partner in
            // Weights that are not finite, where the user allows them, stay.
            bound.isFinite && (bound > largest || (bound > 0 && bound < smallest && partner > 64 * product))
        }
        let changed = bounds.indices.filter { isChanged[$0] }
        guard !changed.isEmpty else { return [Int](repeating: 0, count: bounds.count) }
        let kept = bounds.indices.filter { !isChanged[$0] && partners[$0] > 0 }.map { partners[$0] }
        let common = nearestPower(median(changed.map { bounds[$0] }) / nominal)
        var result = [Int](repeating: 0, count: bounds.count)
        for index in changed {
            var wanted = evens ? common : nearestPower(bounds[index] / nominal)
            if evens, !kept.isEmpty, partners[index] > 0 { wanted = nearestPower(median(kept) / partners[index]) }
            let least = (bounds[index] / largest).exponent + 1
            let most = (bounds[index] / smallest).exponent
            result[index] = max(Int(least), min(Int(most), wanted))
        }
        return result
    }

    private static func nearestPower(_ value: Double) -> Int { Int((value * 2.0.squareRoot()).exponent) }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// Bounds of channels that RoPE turns together become the bound of the pair.
    private static func paired(_ bounds: [Double], pairs half: Int, _ config: ModelConfig) -> [Double] {
        var result = bounds
        for start in stride(from: 0, to: bounds.count, by: config.headSize) {
            for pair in start..<start + half {
                let length = (bounds[pair] * bounds[pair] + bounds[pair + half] * bounds[pair + half]).squareRoot()
                (result[pair], result[pair + half]) = (length, length)
            }
        }
        return result
    }

    /// Per cached channel the largest of the channels that meet it, [querySize] to [kvSize].
    private static func cachedMaxima(_ all: [Double], _ config: ModelConfig) -> [Double] {
        var result = [Double](repeating: 0, count: config.kvSize)
        let shared = config.headCount / config.kvHeadCount
        for (channel, value) in all.enumerated() {
            let place = channel / config.headSize / shared * config.headSize + channel % config.headSize
            result[place] = max(result[place], value)
        }
        return result
    }

    /// Of the output projection, [querySize].
    private static func columnLengths(_ checkpoint: Checkpoint, layer: Int) throws(TaperError) -> [Double] {
        let columns = checkpoint.config.querySize
        let weights = try checkpoint.read(TensorName.weight(.attentionOutput, layer: layer))
        var squares = [Double](repeating: 0, count: columns)
        for row in stride(from: 0, to: weights.count, by: columns) {
            for column in 0..<columns {
                squares[column] += Double(weights[row + column]) * Double(weights[row + column])
            }
        }
        return squares.map { $0.squareRoot() }
    }

    /// The norm before attention, and what its outputs can make of the projections.
    private struct InputNorm {
        let checkpoint: Checkpoint
        let layer: Int
        let gain: [Float]
        let shift: [Float]

        init(_ checkpoint: Checkpoint, layer: Int) throws(TaperError) {
            self.checkpoint = checkpoint
            self.layer = layer
            gain = try checkpoint.read(TensorName.weight(.inputNorm, layer: layer))
            shift =
                checkpoint.config.normalization == .layer
                ? try checkpoint.read(TensorName.bias(.inputNorm, layer: layer)) : []
        }

        /// Of every row of a projection.
        func bounds(of part: TensorName.Part) throws(TaperError) -> [Double] {
            let weights = try checkpoint.read(TensorName.weight(part, layer: layer))
            let bias =
                checkpoint.config.qkvBias ? try checkpoint.read(TensorName.bias(part, layer: layer)) : []
            let columns = gain.count
            let length = Double(columns).squareRoot()
            return (0..<weights.count / columns).map { row in
                var square = 0.0
                var constant = bias.isEmpty ? 0 : Double(bias[row])
                weights.withUnsafeBufferPointer { weights in
                    for column in 0..<columns {
                        let scaled = Double(weights[row * columns + column]) * Double(gain[column])
                        square += scaled * scaled
                    }
                }
                if !shift.isEmpty {
                    for column in 0..<columns {
                        constant += Double(weights[row * columns + column]) * Double(shift[column])
                    }
                }
                return length * square.squareRoot() + abs(constant)
            }
        }
    }
}
