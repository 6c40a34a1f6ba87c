import Kernels
public import Model
public import Storage

/// How much an error of a layer's output at every position of the calibration text matters to the model's distribution.
///
/// The mean over positions of w_t x_t x_t^T is then a Hessian that weighs errors by what they do to the logits, not only by
/// what they do to the layer's own output (GuidedQuant, arXiv 2505.07004, section 3; here one weight for all rows of the layers
/// that share an input).
public struct TokenWeights: Sendable {
    /// A position counts at most this many times the mean: the tails of one draw should not decide.
    static let limit: Float = 10

    /// By block: one weight for every position of all sequences, one after the other.
    private(set) var values: [[TensorName.Part: [Float]]]

    init(layers: Int) { values = .init(repeating: [:], count: layers) }

    /// Weights of a block's input to `part`, of `count` positions from `start`; nil where all count alike.
    public func weights(_ part: TensorName.Part, layer: Int, from start: Int, count: Int) -> ArraySlice<Float>? {
        guard let all = values[layer][part], start + count <= all.count else { return nil }
        return all[start..<start + count]
    }

    mutating func add(_ sums: [Float], to part: TensorName.Part, layer: Int, from start: Int) {
        var all = values[layer][part] ?? []
        if all.count < start + sums.count {
            all += [Float](repeating: 0, count: start + sums.count - all.count)
        }
        for (index, sum) in sums.enumerated() { all[start + index] += sum }
        values[layer][part] = all
    }

    /// Makes the mean of every layer's weights one, the largest cut off.
    /// - Throws: `badData` when a gradient is not finite.
    mutating func normalize() throws(TaperError) {
        for layer in values.indices {
            for (part, all) in values[layer] {
                let mean = all.reduce(0.0) { $0 + Double($1) } / Double(max(1, all.count))
                guard mean.isFinite else {
                    throw TaperError(
                        .badData, "the model's gradients are not finite on the calibration text",
                        at: "block \(layer), " + part.rawValue,
                        remedy:
                            "A weight or a logit is beyond single precision; the effort fast without calibration text "
                            + "needs no gradients")
                }
                guard mean > 0 else {
                    values[layer][part] = nil
                    continue
                }
                let cut = all.map { min(Float(Double($0) / mean), Self.limit) }
                let rest = Float(cut.reduce(0.0) { $0 + Double($1) } / Double(cut.count))
                values[layer][part] = cut.map { $0 / rest }
            }
        }
    }

    /// For the work folder.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(values.count))
        for layer in values {
            for part in TensorName.Part.allCases {
                let weights = layer[part] ?? []
                writer.u64(UInt64(weights.count))
                for weight in weights { writer.f32(weight) }
            }
        }
        return writer.bytes
    }

    public init(bytes: [UInt8], layers: Int) throws(TaperError) {
        self = try bytes.withBytes { raw throws(TaperError) -> TokenWeights in
            var reader = ByteReader(raw, place: "stored token weights")
            let count = try reader.count("blocks", limit: 1 << 16)
            guard count == layers else {
                throw reader.failure("token weights of another model", expected: "\(layers)", found: "\(count)")
            }
            var result = TokenWeights(layers: layers)
            for layer in 0..<layers {
                for part in TensorName.Part.allCases {
                    let count = try reader.count("positions", limit: 1 << 30)
                    guard count > 0 else { continue }
                    var weights: [Float] = []
                    weights.reserveCapacity(count)
                    for _ in 0..<count { weights.append(try reader.f32("weight")) }
                    result.values[layer][part] = weights
                }
            }
            return result
        }
    }
}

extension GradientModel {
    /// The squared gradient of every layer's output at every position, summed over rows: the trace of its Fisher information,
    /// from one draw of `curvatureProbe` a sequence.
    ///
    /// - Parameters:
    ///   - seed: of the draws.
    ///   - stateBytes: of hidden states that are held at once; it changes no weight.
    /// - Throws: what `walk` throws.
    public func tokenWeights(
        _ sequences: [[Int]], seed: UInt64, stateBytes: Int = MemoryBudget.usual.stateBytes,
        progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> TokenWeights {
        var places: [String: (layer: Int, part: TensorName.Part, rows: Int)] = [:]
        for layer in 0..<config.layerCount {
            for item in config.linearParts() {
                // Layers that read the same vector share weights.
                places[TensorName.weight(item.part, layer: layer)] = (layer, item.part.row.input, item.rows)
            }
        }
        var result = TokenWeights(layers: config.layerCount)
        var starts = [0]
        for tokens in sequences { starts.append(starts[starts.count - 1] + tokens.count) }
        for group in groups(sequences, stateBytes: stateBytes) {
            _ = try walk(
                Array(sequences[group]),
                loss: { curvatureProbe(seed: seed &+ UInt64(group.lowerBound + $0) &* 0x9E37_79B9_7F4A_7C15) },
                wanted: { _ in false },
                progress: { share in
                    progress((Double(group.lowerBound) + share * Double(group.count)) / Double(sequences.count))
                }
            ) { index, gradient in
                guard let place = places[gradient.name] else { return }
                result.add(
                    squares(gradient.outputGradient, rows: place.rows), to: place.part, layer: place.layer,
                    from: starts[group.lowerBound + index])
            }
        }
        try result.normalize()
        return result
    }

    /// Sum of squares of every token's gradients, [tokens, rows].
    private func squares(_ gradient: UnsafeBufferPointer<Float>, rows: Int) -> [Float] {
        let tokens = gradient.count / rows
        guard let base = gradient.baseAddress else { return [] }
        nonisolated(unsafe) let from = base
        return [Float](unsafeUninitializedCapacity: tokens) { buffer, initialized in
            nonisolated(unsafe) let out = buffer
            arithmetic.ops.rows(tokens) { token in
                var sum = SIMD16<Float>.zero
                let row = UnsafeRawPointer(from + token * rows)
                for block in 0..<rows / 16 {
                    let values = row.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self)
                    sum += values * values
                }
                var total = sum.sum()
                for index in rows / 16 * 16..<rows { total += from[token * rows + index] * from[token * rows + index] }
                (out.baseAddress.map { $0 + token })?.initialize(to: total)
            }
            initialized = tokens
        }
    }
}
