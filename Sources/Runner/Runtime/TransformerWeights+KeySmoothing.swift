import Kernels
import Model
import Storage

extension TransformerWeights {
    /// What a cache of bytes multiplies queries by and divides keys by, of every layer [kvHeadCount][2][headSize] with both factors: how
    /// large the keys of a channel are beside the others, from the weights alone. A bias, or a scale of the keys' norm, makes some
    /// channels of some models a hundred times larger than the rest. Pairs that turn together have one factor.
    func keySmoothing() -> [[Float]] {
        layers.map { layer in
            let magnitudes = keyMagnitudes(layer)
            let pairs = layer.rotation.map { config.rotations[$0].size / 2 } ?? 0
            let size = config.headSize
            var factors: [Float] = []
            for head in 0..<config.kvHeadCount {
                var own = Array(magnitudes[head * size..<(head + 1) * size])
                for pair in 0..<pairs {
                    let larger = max(own[pair], own[pair + pairs])
                    (own[pair], own[pair + pairs]) = (larger, larger)
                }
                // Channels that are never used take no steps from others; nothing is divided by zero.
                let largest = own.max() ?? 1
                let usable = largest > 0 && largest.isFinite
                // Only how they compare matters; from 1 down nothing overflows that did not before.
                own = own.map { usable ? max($0 / largest, 1e-4) : 1 }
                factors += own
                factors += own.map { 1 / $0 }
            }
            return factors
        }
    }

    /// About how large each channel of a key is, before it is turned: [kvSize].
    private func keyMagnitudes(_ layer: Layer) -> [Float] {
        let size = config.kvSize
        if let norm = layer.keyNorm {
            let stride = config.headNormShape(heads: config.kvHeadCount)
            return (0..<size).map { channel in
                let head = channel / stride.size
                return magnitude(norm.weight[head * stride.weightStride + channel % stride.size])
            }
        }
        // A row's products with an input whose elements are as large as the norm before makes them.
        var input: Float = 1
        if let norm = layer.inputNorm {
            var squares: Float = 0
            for column in 0..<config.hiddenSize { squares += norm.weight[column] * norm.weight[column] }
            input = (squares / Float(config.hiddenSize)).squareRoot()
        }
        let spread = input * Float(config.hiddenSize).squareRoot()
        return (0..<size).map { channel in
            // The largest of a row's weights is about four times their root mean square, the largest of many products three times theirs.
            let own = layer.key.matrix.largestWeight(row: channel) * 0.75 * spread
            return own + (layer.key.bias.map { magnitude($0[channel]) } ?? 0)
        }
    }

    private func magnitude(_ value: Float) -> Float { value < 0 ? -value : value }
}
