import Bundle
import Model
import Storage

/// Whole bits of every tensor at one precision, looked up once per call, not per tensor name.
struct BitAllocation {
    /// Bits of one block's matrices.
    struct Layer {
        var query, key, value, attentionOutput, gate, up, down: Int

        init(uniform bits: Int) {
            query = bits
            key = bits
            value = bits
            attentionOutput = bits
            gate = bits
            up = bits
            down = bits
        }

        mutating func set(_ part: TensorName.Part, _ bits: Int) {
            switch part {
            case .query: query = bits
            case .key: key = bits
            case .value: value = bits
            case .attentionOutput: attentionOutput = bits
            case .gate: gate = bits
            case .up: up = bits
            case .down: down = bits
            case .inputNorm, .mlpNorm, .queryNorm, .keyNorm, .attentionOutputNorm, .mlpOutputNorm:
                preconditionFailure("norms have no bits")
            }
        }
    }

    let precision: Precision
    /// Bits at which embedding and head are asked for: of a rung the whole precision below.
    let others: Int
    let layers: [Layer]

    init(uniform bits: Int, layerCount: Int) {
        precision = Precision(bits: bits)
        others = bits
        layers = [Layer](repeating: Layer(uniform: bits), count: layerCount)
    }

    /// - Parameter order: names of the tensors that the rung gives bits to.
    init(_ rung: Rung, order: [String], _ config: ModelConfig) throws(TaperError) {
        precision = rung.precision
        others = rung.precision.roundedDown
        var known: [String: Int] = [:]
        for (name, bits) in zip(order, rung.bits) { known[name] = bits }
        let linear = config.linearParts().map { $0.part }
        var layers: [Layer] = []
        for index in 0..<config.layerCount {
            var layer = Layer(uniform: others)
            for part in linear {
                guard let bits = known[TensorName.weight(part, layer: index)] else {
                    throw TaperError(.internalFault, "a rung without bits", at: TensorName.weight(part, layer: index))
                }
                layer.set(part, bits)
            }
            layers.append(layer)
        }
        self.layers = layers
    }
}
