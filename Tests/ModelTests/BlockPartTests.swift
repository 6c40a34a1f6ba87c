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

    /// Elements of a norm of queries and of keys: of one head, or of all.
    @Test(arguments: [
        (ModelConfig.QueryKeyNorm.none, [Int]()), (.head, [10, 10]), (.heads, [40, 20]), (.full, [40, 20]),
    ])
    func normsOfQueriesAndKeysGoByTheirKind(_ kind: ModelConfig.QueryKeyNorm, _ sizes: [Int]) {
        let config = Self.config {
            $0.queryKeyNorm = kind
            $0.normalization = .layer
        }
        let norms: [TensorName.Part] = [.queryNorm, .keyNorm]
        #expect(norms.filter { config.has($0) }.map { config.shape($0).rows } == sizes)
        #expect(!norms.contains { config.hasBias($0) })
        let names = config.tensorRequirements().filter { $0.layer == 0 && $0.name.contains("_norm.") }.map(\.name)
        #expect(names.count == sizes.count && names.allSatisfy { $0.hasSuffix(".weight") })
    }

    @Test(arguments: [
        (ModelConfig.NormPlacement.pre, false, [TensorName.Part.inputNorm, .mlpNorm]), (.pre, true, [.inputNorm]),
        (.post, false, [.attentionOutputNorm, .mlpOutputNorm]),
        (.prePost, false, [.inputNorm, .mlpNorm, .attentionOutputNorm, .mlpOutputNorm]),
    ])
    func normsStandWhereTheirPlacementSays(
        _ placement: ModelConfig.NormPlacement, _ isParallel: Bool, _ norms: [TensorName.Part]
    ) {
        let config = Self.config {
            $0.normPlacement = placement
            $0.parallelResidual = isParallel
            $0.normalization = .layer
        }
        #expect(config.blockParts().filter { !$0.row.isLinear } == norms)
        #expect(norms.allSatisfy { config.hasBias($0) && config.shape($0) == (64, 1) })
    }

    @Test func biasesGoByTheirFact() {
        let attention = Self.config { $0.attentionOutputBias = true }
        #expect(attention.blockParts().filter { attention.hasBias($0) } == [.attentionOutput])
        let mlp = Self.config { $0.mlpBias = true }
        #expect(mlp.blockParts().filter { mlp.hasBias($0) } == [.gate, .up, .down])
        let head = Self.config { $0.headBias = true }
        #expect(!head.blockParts().contains { head.hasBias($0) })
        #expect(head.tensorRequirements().last?.name == TensorName.headBias)
        let qwen = Self.config { $0.qkvBias = true }
        #expect(qwen.blockParts().filter { qwen.hasBias($0) } == [.query, .key, .value])
        let bare = Self.config()
        #expect(!bare.blockParts().contains { bare.hasBias($0) })
    }
}
