import Foundation
import Model
import Storage

/// The forward pass in double precision, one token and one number at a time: the oracle for the runtime's.
///
/// It imitates the two roundings that the runtime makes on purpose: activations to bytes in groups of 128 columns, and
/// the cache to half precision.
struct NaiveTransformer {
    let config: ModelConfig
    /// Rows of a matrix at the precision under test.
    let matrices: [String: [[Double]]]
    let vectors: [String: [Double]]
    /// Whether the linear layers take bytes; at 16 bits they take activations as they are. The head takes bytes always.
    var roundsInputs = true

    /// Logits after every token.
    func logits(_ tokens: [Int]) -> [[Double]] {
        var keys = [[[Double]]](repeating: [], count: config.layerCount)
        var values = keys
        return tokens.enumerated().map { position, token in
            var x = matrix(TensorName.embedding)[token]
            for layer in 0..<config.layerCount {
                let normed = norm(x, .inputNorm, layer)
                let query = headNorm(linear(normed, .query, layer), .queryNorm, layer)
                let key = headNorm(linear(normed, .key, layer), .keyNorm, layer)
                keys[layer].append(rotate(key, position, layer).map(half))
                values[layer].append(linear(normed, .value, layer).map(half))
                let attended = attend(rotate(query, position, layer), keys[layer], values[layer], layer)
                let attention = norm(linear(attended, .attentionOutput, layer), .attentionOutputNorm, layer)
                if config.parallelResidual {
                    x = zip(zip(x, attention).map(+), mlp(normed, layer)).map(+)
                } else {
                    x = zip(x, attention).map(+)
                    x = zip(x, norm(mlp(norm(x, .mlpNorm, layer), layer), .mlpOutputNorm, layer)).map(+)
                }
            }
            let final = norm(x, TensorName.finalNorm, TensorName.finalNormBias)
            let head = config.tiedEmbeddings ? TensorName.embedding : TensorName.head
            return product(final, matrix(head), vectors[TensorName.headBias]).map { capped($0, config.logitCap) }
        }
    }

    private func matrix(_ name: String) -> [[Double]] { matrices[name] ?? [] }

    private func mlp(_ x: [Double], _ layer: Int) -> [Double] {
        let up = linear(x, .up, layer)
        guard config.gatedMLP else { return linear(up.map(activate), .down, layer) }
        let gate = linear(x, .gate, layer)
        return linear(zip(gate, up).map { activate($0) * $1 }, .down, layer)
    }

    private func linear(_ x: [Double], _ part: TensorName.Part, _ layer: Int) -> [Double] {
        product(
            x, matrix(TensorName.weight(part, layer: layer)), vectors[TensorName.bias(part, layer: layer)],
            rounds: roundsInputs)
    }

    private func product(_ x: [Double], _ rows: [[Double]], _ bias: [Double]?, rounds: Bool = true) -> [Double] {
        let rounded = rounds ? quantized(x) : x
        return rows.enumerated().map { index, row in
            zip(rounded, row).reduce(0) { $0 + $1.0 * $1.1 } + (bias?[index] ?? 0)
        }
    }

    /// Bytes times a whole multiplier per group of 128 columns; two terms for the first 64 where they are much larger than the
    /// rest of their group.
    private func quantized(_ x: [Double]) -> [Double] {
        var out = x
        let largest = x.map { abs($0) }.max() ?? 0
        if largest == 0 { return out }
        let padded = (x.count + 63) / 64 * 64 + 64
        let most = Double(min(255, Int(Int32.max) / (padded * 128 * 127)))
        let unit = largest / (127 * most)
        // In single precision, as the runtime decides.
        func multiplier(_ range: Range<Int>) -> Double {
            let part = Float(range.map { abs(x[$0]) }.max() ?? 0)
            return min(most, Double((part * (Float(most) / Float(largest)) + 0.99).rounded(.down)))
        }
        func round(_ value: Double, _ multiplier: Double) -> Double {
            Double(max(-127, min(127, (Float(value) * (1 / Float(multiplier))).rounded(.toNearestOrEven)))) * multiplier
        }
        for start in stride(from: 0, to: x.count, by: 128) {
            let group = start..<min(start + 128, x.count)
            var m = max(1, multiplier(group))
            let head = 0..<min(64, x.count)
            if start == 0 {
                let rest = multiplier(head.upperBound..<group.upperBound)
                let coarse = max(1, multiplier(head))
                if coarse > 2 * rest {
                    m = max(1, rest, ((coarse + 253) / 254).rounded(.down))
                    for index in head {
                        let first = round(x[index] / unit, coarse)
                        out[index] = (first + round(x[index] / unit - first, m)) * unit
                    }
                    for index in head.upperBound..<group.upperBound { out[index] = round(x[index] / unit, m) * unit }
                    continue
                }
            }
            for index in group { out[index] = round(x[index] / unit, m) * unit }
        }
        return out
    }

    private func half(_ value: Double) -> Double { Double(floatFromHalf(halfFromFloat(Float(value)))) }

    private func norm(_ x: [Double], _ weight: String, _ bias: String) -> [Double] {
        let weights = vectors[weight] ?? []
        let biases = vectors[bias] ?? [Double](repeating: 0, count: x.count)
        let count = Double(x.count)
        let mean = config.normalization == .layer ? x.reduce(0, +) / count : 0
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let scale = 1 / (variance + config.normEpsilon).squareRoot()
        return x.indices.map { (x[$0] - mean) * scale * weights[$0] + biases[$0] }
    }

    /// A block's norm; x itself where the model has none there.
    private func norm(_ x: [Double], _ part: TensorName.Part, _ layer: Int) -> [Double] {
        let weight = TensorName.weight(part, layer: layer)
        return vectors[weight] == nil ? x : norm(x, weight, TensorName.bias(part, layer: layer))
    }

    /// Queries or keys of all heads.
    private func headNorm(_ x: [Double], _ part: TensorName.Part, _ layer: Int) -> [Double] {
        guard config.queryKeyNorm != .none else { return x }
        let name = TensorName.weight(part, layer: layer)
        if config.queryKeyNorm == .full { return norm(x, name, "") }
        let weights = vectors[name] ?? []
        return stride(from: 0, to: x.count, by: config.headSize).flatMap { start in
            let head = Array(x[start..<start + config.headSize])
            let count = Double(head.count)
            let mean = config.normalization == .layer ? head.reduce(0, +) / count : 0
            let variance = head.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            let scale = 1 / (variance + config.normEpsilon).squareRoot()
            let own = config.queryKeyNorm == .heads ? start : 0
            return head.indices.map { (head[$0] - mean) * scale * weights[own + $0] }
        }
    }

    private func capped(_ x: Double, _ cap: Double?) -> Double { cap.map { $0 * tanh(x / $0) } ?? x }

    private func rotate(_ x: [Double], _ position: Int, _ layer: Int) -> [Double] {
        guard let rotation = config.layers[layer].rotation else { return x }
        var out = x
        let pairs = rotation.size / 2
        let frequencies = rotation.frequencies()
        for head in stride(from: 0, to: x.count, by: config.headSize) {
            for pair in 0..<pairs {
                let angle = Double(position) * frequencies[pair]
                let (a, b) = (x[head + pair], x[head + pair + pairs])
                out[head + pair] = (a * cos(angle) - b * sin(angle)) * rotation.magnitude
                out[head + pair + pairs] = (a * sin(angle) + b * cos(angle)) * rotation.magnitude
            }
        }
        return out
    }

    private func attend(
        _ query: [Double], _ allKeys: [[Double]], _ allValues: [[Double]], _ layer: Int
    ) -> [Double] {
        var out: [Double] = []
        let seen = config.layers[layer].window ?? allKeys.count
        let (keys, values) = (Array(allKeys.suffix(seen)), Array(allValues.suffix(seen)))
        let size = config.headSize
        for head in 0..<config.headCount {
            let shared = head / (config.headCount / config.kvHeadCount) * size
            let scores = keys.map { key in
                let product = (0..<size).reduce(0) { $0 + query[head * size + $1] * key[shared + $1] }
                return capped(product / Double(size).squareRoot(), config.attentionCap)
            }
            let largest = scores.max()!
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            for element in 0..<size {
                out.append(zip(weights, values).reduce(0) { $0 + $1.0 * $1.1[shared + element] } / total)
            }
        }
        return out
    }

    private func activate(_ x: Double) -> Double {
        switch config.activation {
        case .silu: x / (1 + exp(-x))
        case .gelu: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
    }
}
