import Model
import Testing

@Suite struct BlockPartTests {
    private static func config(_ change: (inout ModelConfig) -> Void = { _ in }) -> ModelConfig {
        var config = ModelConfig(
            family: "test", hiddenSize: 64, intermediateSize: 96, layerCount: 2, headCount: 4, kvHeadCount: 2,
            headSize: 10, vocabularySize: 100, contextLength: 512, normEpsilon: 1e-5, ropeTheta: 10000)
        change(&config)
        return config
    }

    @Test func partsThatReadTheSameVectorShareStatistics() {
        let config = Self.config()
        for part in config.blockParts() where part.row.isLinear {
            let input = part.row.input
            #expect(config.has(input) && input.row.isLinear && input.row.input == input, "\(part)")
            #expect(config.shape(input).columns == config.shape(part).columns, "\(part)")
        }
        let owners = Set(config.linearParts().map { $0.part.row.input })
        #expect(owners == [.query, .attentionOutput, .up, .down])
        // Without a gate the owner of its input is still there.
        #expect(Self.config { $0.gatedMLP = false }.has(TensorName.Part.gate.row.input))
    }

    @Test func shapesFollowTheAxes() {
        let config = Self.config()
        let shapes = config.linearParts().map { [$0.rows, $0.columns] }
        #expect(shapes == [[40, 64], [20, 64], [20, 64], [64, 40], [96, 64], [96, 64], [64, 96]])
        #expect(config.shape(.inputNorm) == (64, 1))
    }

    @Test func blocksOfOneResidualHaveOneNormAndNoGateWhereThereIsNone() {
        let phi = Self.config {
            $0.parallelResidual = true
            $0.gatedMLP = false
            $0.normalization = .layer
            $0.qkvBias = true
            ($0.attentionOutputBias, $0.mlpBias, $0.headBias) = (true, true, true)
        }
        #expect(
            phi.blockParts() == [.inputNorm, .query, .key, .value, .attentionOutput, .up, .down])
        #expect(phi.blockParts().allSatisfy { phi.hasBias($0) })
        let names = phi.tensorRequirements().filter { $0.layer == 1 }.map(\.name)
        #expect(names.count == 14 && names[0] == "model.layers.1.input_layernorm.weight")
        #expect(names[1] == "model.layers.1.input_layernorm.bias" && names[3] == "model.layers.1.self_attn.q_proj.bias")
        #expect(phi.tensorRequirements().last?.name == TensorName.headBias)
    }

    @Test func biasesGoByTheirFact() {
        let qwen = Self.config { $0.qkvBias = true }
        #expect(qwen.blockParts().filter { qwen.hasBias($0) } == [.query, .key, .value])
        let bare = Self.config()
        #expect(!bare.blockParts().contains { bare.hasBias($0) })
    }
}
