internal import CGradient
public import Checkpoint
public import Kernels
public import Storage

/// Hidden states of a BERT-type encoder in float (Devlin et al. 2019): every token sees all others, and the norms come after
/// the residual sums.
public final class TextEncoder {
    public let config: EncoderCheckpoint.Config
    /// Layers that are run; the states are those of the last of them.
    public let layerCount: Int
    private let pool: ThreadPool
    private let ops: VectorOps
    private let blas: BLAS
    private let softmax: (UnsafeMutablePointer<Float>, Int) -> Void
    /// [vocabularySize, hiddenSize], [positionCount, hiddenSize]; the latter has the first token type added.
    private let words: [Float]
    private let positions: [Float]
    private let inputNorm: Norm
    private let layers: [Layer]

    private struct Norm {
        let weight: [Float]
        let bias: [Float]
    }
    /// y = x W^T + b, W [rows, columns].
    private struct Linear {
        let weight: [Float]
        let bias: [Float]
        let rows: Int
        let columns: Int
    }
    private struct Layer {
        let query: Linear
        let key: Linear
        let value: Linear
        let mixed: Linear
        let attentionNorm: Norm
        let up: Linear
        let down: Linear
        let outputNorm: Norm
    }

    /// - Parameter layerCount: nil for all.
    /// - Throws: `usage` for a layer that is not there, `badData` for weights that do not fit the config.
    public init(_ checkpoint: EncoderCheckpoint, layerCount: Int? = nil, pool: ThreadPool) throws(TaperError) {
        let config = checkpoint.config
        let count = layerCount ?? config.layerCount
        guard (1...config.layerCount).contains(count) else {
            throw TaperError(
                .usage, "the encoder has no such layer", at: checkpoint.path, expected: "1 to \(config.layerCount)",
                found: "\(count)")
        }
        self.config = config
        self.layerCount = count
        self.pool = pool
        ops = VectorOps(pool)
        blas = try BLAS(pool)
        let functions = gradientFunctions(pool)
        softmax = { row, count in functions.softmax(row, 0, Int32(count), Int32(count)) }

        let hidden = config.hiddenSize
        func norm(_ name: String) throws(TaperError) -> Norm {
            Norm(
                weight: try checkpoint.read(name + ".weight", shape: [hidden]),
                bias: try checkpoint.read(name + ".bias", shape: [hidden]))
        }
        func linear(_ name: String, _ rows: Int, _ columns: Int) throws(TaperError) -> Linear {
            Linear(
                weight: try checkpoint.read(name + ".weight", shape: [rows, columns]),
                bias: try checkpoint.read(name + ".bias", shape: [rows]), rows: rows, columns: columns)
        }
        words = try checkpoint.read("embeddings.word_embeddings.weight", shape: [config.vocabularySize, hidden])
        let type = try checkpoint.read("embeddings.token_type_embeddings.weight", shape: [config.typeCount, hidden])
        var positions = try checkpoint.read(
            "embeddings.position_embeddings.weight", shape: [config.positionCount, hidden])
        for index in positions.indices { positions[index] += type[index % hidden] }
        self.positions = positions
        inputNorm = try norm("embeddings.LayerNorm")
        var layers: [Layer] = []
        for index in 0..<count {
            let name = "encoder.layer.\(index)."
            layers.append(
                Layer(
                    query: try linear(name + "attention.self.query", hidden, hidden),
                    key: try linear(name + "attention.self.key", hidden, hidden),
                    value: try linear(name + "attention.self.value", hidden, hidden),
                    mixed: try linear(name + "attention.output.dense", hidden, hidden),
                    attentionNorm: try norm(name + "attention.output.LayerNorm"),
                    up: try linear(name + "intermediate.dense", config.intermediateSize, hidden),
                    down: try linear(name + "output.dense", hidden, config.intermediateSize),
                    outputNorm: try norm(name + "output.LayerNorm")))
        }
        self.layers = layers
    }

    /// States after the last layer, [tokens.count * hiddenSize].
    ///
    /// - Precondition: 1 to `positionCount` tokens of the vocabulary.
    public func states(_ tokens: [Int]) -> [Float] {
        precondition(
            !tokens.isEmpty && tokens.count <= config.positionCount
                && tokens.allSatisfy { (0..<config.vocabularySize).contains($0) }, "tokens the encoder cannot read")
        let hidden = config.hiddenSize
        var x = [Float](repeating: 0, count: tokens.count * hidden)
        for (place, token) in tokens.enumerated() {
            for column in 0..<hidden {
                x[place * hidden + column] = words[token * hidden + column] + positions[place * hidden + column]
            }
        }
        normalize(&x, inputNorm, tokens.count)
        for layer in layers {
            let mixed = attend(
                apply(layer.query, x, tokens.count), apply(layer.key, x, tokens.count),
                apply(layer.value, x, tokens.count), tokens.count)
            add(apply(layer.mixed, mixed, tokens.count), to: &x)
            normalize(&x, layer.attentionNorm, tokens.count)
            var inner = apply(layer.up, x, tokens.count)
            ops.gelu(&inner, tanhForm: false, tokens: tokens.count, columns: config.intermediateSize)
            add(apply(layer.down, inner, tokens.count), to: &x)
            normalize(&x, layer.outputNorm, tokens.count)
        }
        return x
    }

    /// [tokens * rows] from [tokens * columns].
    private func apply(_ linear: Linear, _ x: [Float], _ tokens: Int) -> [Float] {
        var y = [Float](repeating: 0, count: tokens * linear.rows)
        x.withUnsafeBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in
                guard let from = x.baseAddress, let to = y.baseAddress else { return }
                blas.multiply(
                    from, .single(linear.weight), tokens: tokens, rows: linear.rows, columns: linear.columns, into: to)
                ops.addBias(linear.bias, tokens: tokens, columns: linear.rows, to: to)
            }
        }
        return y
    }

    private func add(_ y: [Float], to x: inout [Float]) { for index in x.indices { x[index] += y[index] } }

    private func normalize(_ x: inout [Float], _ norm: Norm, _ tokens: Int) {
        let input = x
        x.withUnsafeMutableBufferPointer { out in
            guard let out = out.baseAddress else { return }
            ops.layerNorm(
                input, weight: norm.weight, bias: norm.bias, epsilon: Float(config.normEpsilon), tokens: tokens,
                columns: config.hiddenSize, into: out)
        }
    }

    /// softmax(Q K^T / sqrt(headSize)) V of every head, [tokens * hiddenSize].
    private func attend(_ query: [Float], _ key: [Float], _ value: [Float], _ tokens: Int) -> [Float] {
        let hidden = config.hiddenSize
        let size = hidden / config.headCount
        var mixed = [Float](repeating: 0, count: tokens * hidden)
        var scores = [Float](repeating: 0, count: tokens * tokens)
        for head in 0..<config.headCount {
            query.withUnsafeBufferPointer { query in
                key.withUnsafeBufferPointer { key in
                    value.withUnsafeBufferPointer { value in
                        scores.withUnsafeMutableBufferPointer { scores in
                            mixed.withUnsafeMutableBufferPointer { mixed in
                                guard let q = query.baseAddress, let k = key.baseAddress, let v = value.baseAddress,
                                    let s = scores.baseAddress, let out = mixed.baseAddress
                                else { return }
                                BLAS.product(
                                    m: tokens, n: tokens, k: size, scale: 1 / Float(size).squareRoot(),
                                    .init(values: q + head * size, stride: hidden),
                                    .init(values: k + head * size, stride: hidden, transposed: true), into: s,
                                    stride: tokens)
                                for row in 0..<tokens { softmax(s + row * tokens, tokens) }
                                BLAS.product(
                                    m: tokens, n: size, k: tokens, .init(values: s, stride: tokens),
                                    .init(values: v + head * size, stride: hidden), into: out + head * size,
                                    stride: hidden)
                            }
                        }
                    }
                }
            }
        }
        return mixed
    }
}
