import Checkpoint
import Model
import Storage
import Testing

/// What GGUF files of the families say in keys and tensors of their own, or leave to the reader. Their logits are compared in
/// `FamilyGGUFTests`.
@Suite struct GGUFFamilyTests {
    private func open(_ builder: GGUFBuilder) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        return try Checkpoint.open(try directory.write(builder.bytes(), to: "model.gguf"))
    }

    /// The tiny model under another name, with ones in additional vectors of every block.
    private func tiny(_ architecture: String, adding vectors: [String: UInt64] = [:]) -> GGUFBuilder {
        var builder = GGUFBuilder.tiny(architecture: architecture)
        for (name, size) in vectors.sorted(by: { $0.key < $1.key }) {
            for layer in 0..<2 {
                var data = ByteWriter()
                for _ in 0..<size { data.f32(1) }
                builder.tensors.append(
                    .init(name: "blk.\(layer).\(name)", dimensions: [size], data: data.bytes))
            }
        }
        return builder
    }
    private static let normsBehind: [String: UInt64] = ["post_attention_norm.weight": 8, "post_ffw_norm.weight": 8]
    private static let gemma3Norms = normsBehind.merging(["attn_q_norm.weight": 4, "attn_k_norm.weight": 4]) { $1 }

    @Test func windowsFollowThePatternOfTheFileElseOfTheFamily() throws {
        var builder = tiny("gemma2", adding: Self.normsBehind)
        func windows() throws -> [Int?] { try open(builder).config.layers.map(\.window) }
        builder["gemma2.attention.sliding_window"] = .uint32(16)
        #expect(try windows() == [16, nil])
        let key = "gemma2.attention.sliding_window_pattern"
        builder[key] = .uint32(1)
        #expect(try windows() == [nil, nil])
        builder[key] = .uint32(0)
        #expect(try windows() == [16, 16])
        // A list of two booleans, and one of integers.
        func list(_ flags: [UInt8]) -> GGUFBuilder.Value {
            var writer = ByteWriter()
            writer.u32(7)
            writer.u64(UInt64(flags.count))
            writer.raw(flags)
            return .raw(9, writer.bytes)
        }
        builder[key] = list([0, 1])
        #expect(try windows() == [nil, 16])
        builder[key] = .int32s([1, 1])
        #expect(try windows() == [16, 16])
        builder[key] = list([1, 0, 1])
        expectFailure(.badData, [key, "expected 2", "found 3"]) { _ = try open(builder) }
        builder[key] = .floats([1, 0])
        expectFailure(.badData, [key, "float32"]) { _ = try open(builder) }
    }

    @Test func gemma2HasWindowAndCapsWithoutKeys() throws {
        var builder = tiny("gemma2", adding: Self.normsBehind)
        builder["gemma2.context_length"] = .uint32(8192)
        let config = try open(builder).config
        #expect(config.layers.map(\.window) == [4096, nil])
        #expect(config.attentionCap == 50 && config.logitCap == 30 && config.activation == .geluTanh)
        #expect(config.normPlacement == .prePost)
    }

    @Test func normsOfGemmaHaveTheirOneAlready() throws {
        let checkpoint = try open(tiny("gemma2", adding: Self.normsBehind))
        #expect(try checkpoint.read(TensorName.weight(.mlpOutputNorm, layer: 1)) == [1, 1, 1, 1, 1, 1, 1, 1])
    }

    @Test func gemma3TurnsItsLocalLayersByABaseOfTheirOwn() throws {
        var builder = tiny("gemma3", adding: Self.gemma3Norms)
        builder["gemma3.rope.freq_base"] = .float32(1e6)
        builder["gemma3.rope.scaling.type"] = .string("linear")
        builder["gemma3.rope.scaling.factor"] = .float32(8)
        let whole = Rotation(theta: 1e6, size: 4, scaling: .linear(factor: 8))
        // Without a window there are no local layers.
        #expect(try open(builder).config.layers.map(\.rotation) == [whole, whole])
        builder["gemma3.attention.sliding_window"] = .uint32(16)
        builder["gemma3.attention.sliding_window_pattern"] = .uint32(2)
        #expect(try open(builder).config.layers.map(\.rotation) == [Rotation(theta: 10000, size: 4), whole])
        builder["gemma3.rope.freq_base_swa"] = .float32(500)
        let config = try open(builder).config
        #expect(config.layers.map(\.rotation) == [Rotation(theta: 500, size: 4), whole])
        #expect(config.queryKeyNorm == .head && config.attentionCap == nil && config.logitCap == nil)
    }

    @Test func olmoIsReadWithAndWithoutWindows() throws {
        let norms = Self.normsBehind.merging(["attn_q_norm.weight": 8, "attn_k_norm.weight": 4]) { $1 }
        var builder = tiny("olmo2", adding: norms)
        builder.tensors.removeAll { $0.name.hasSuffix("attn_norm.weight") || $0.name.hasSuffix("ffn_norm.weight") }
        builder["olmo2.rope.scaling.type"] = .string("yarn")
        builder["olmo2.rope.scaling.factor"] = .float32(8)
        builder["olmo2.rope.scaling.original_context_length"] = .uint32(32)
        let whole = Rotation(theta: 10000, size: 4, scaling: .yarn(YaRN(factor: 8, originalContext: 32)))
        var config = try open(builder).config
        #expect(config.normPlacement == .post && config.queryKeyNorm == .full)
        #expect(config.layers == [LayerDescription(rotation: whole), LayerDescription(rotation: whole)])
        builder["olmo2.attention.sliding_window"] = .uint32(16)
        builder["olmo2.attention.sliding_window_pattern"] = .int32s([1, 0])
        config = try open(builder).config
        #expect(config.layers[0] == LayerDescription(window: 16, rotation: Rotation(theta: 10000, size: 4)))
        #expect(config.layers[1] == LayerDescription(rotation: whole))
    }

    @Test func constantsOfYaRNAreRead() throws {
        var builder = tiny("llama")
        builder["llama.rope.scaling.type"] = .string("yarn")
        builder["llama.rope.scaling.factor"] = .float32(4)
        func scaling() throws -> Rotation.Scaling? { try open(builder).config.layers[0].rotation?.scaling }
        #expect(try scaling() == .yarn(YaRN(factor: 4, originalContext: 64)))
        builder["llama.rope.scaling.original_context_length"] = .uint32(16)
        builder["llama.rope.scaling.yarn_beta_fast"] = .float32(8)
        builder["llama.rope.scaling.yarn_beta_slow"] = .float32(2)
        builder["llama.rope.scaling.yarn_attn_factor"] = .float32(1.5)
        #expect(
            try scaling()
                == .yarn(YaRN(factor: 4, originalContext: 16, betaFast: 8, betaSlow: 2, attentionFactor: 1.5)))
        builder["llama.rope.scaling.yarn_beta_slow"] = .float32(8)
        expectFailure(.badData, ["yarn_beta_fast", "8 and 8"]) { _ = try open(builder) }
        builder["llama.rope.scaling.yarn_beta_slow"] = .float32(-1)
        expectFailure(.badData, ["yarn_beta_slow", "positive"]) { _ = try open(builder) }
        builder["llama.rope.scaling.yarn_beta_slow"] = nil
        builder["llama.rope.scaling.yarn_ext_factor"] = .float32(0.5)
        expectFailure(.unsupported, ["yarn_ext_factor", "0.5"]) { _ = try open(builder) }
    }

    @Test(arguments: [
        ("rope_factors_long.weight", "tensors are missing"), ("rope_factors_short.weight", "positive numbers"),
    ])
    func factorsOfLongRoPEAreThereAndPositive(name: String, complaint: String) throws {
        var builder = tiny("phi3")
        builder.tensors.append(.init(name: name, dimensions: [2], data: [UInt8](repeating: 0, count: 8)))
        expectFailure(.badData, ["rope_factors_short.weight", complaint]) { _ = try open(builder) }
    }

    /// Converters wrote the flag as true for configs that do not have it, among them those of sequential models.
    @Test func tensorsDecideTheOrderInStableLM() throws {
        let biases: [String: UInt64] = ["attn_norm.bias": 8, "ffn_norm.bias": 8]
        var builder = tiny("stablelm", adding: biases)
        builder.tensors.append(.init(name: "output_norm.bias", dimensions: [8], data: [UInt8](repeating: 0, count: 32)))
        builder["stablelm.attention.layer_norm_epsilon"] = .float32(1e-5)
        builder["stablelm.use_parallel_residual"] = .bool(1)
        #expect(try !open(builder).config.parallelResidual)
        builder["stablelm.use_parallel_residual"] = .bool(0)
        builder.tensors.removeAll { $0.name.contains("ffn_norm") }
        #expect(try open(builder).config.parallelResidual)
    }

    @Test func theOrderCannotBeAnotherElsewhere() throws {
        var builder = tiny("llama")
        builder["llama.use_parallel_residual"] = .bool(1)
        expectFailure(.unsupported, ["use_parallel_residual"]) { _ = try open(builder) }
    }

    @Test func granitesFactorsBecomePartOfTheWeights() throws {
        var builder = tiny("granite")
        // Rows of queries and keys lie as in LLaMA's files.
        builder.tensors = GGUFBuilder.tiny().tensors
        let plain = try open(builder)
        #expect(plain.config.layers[0].rotation != nil)
        builder["granite.embedding_scale"] = .float32(3)
        builder["granite.residual_scale"] = .float32(0.5)
        builder["granite.logit_scale"] = .float32(4)
        builder["granite.attention.scale"] = .float32(0.25)
        let scaled = try open(builder)
        func expect(_ name: String, times factor: Float) throws {
            #expect(try scaled.read(name) == plain.read(name).map { $0 * factor }, "\(name)")
        }
        try expect(TensorName.embedding, times: 3)
        try expect(TensorName.weight(.attentionOutput, layer: 1), times: 0.5)
        try expect(TensorName.weight(.down, layer: 1), times: 0.5)
        try expect(TensorName.finalNorm, times: 0.25)
        // Instead of 1 / sqrt(4).
        try expect(TensorName.weight(.query, layer: 0), times: 0.5)
        builder["granite.rope.scaling.finetuned"] = .bool(0)
        #expect(try open(builder).config.layers.allSatisfy { $0.rotation == nil })
        builder["granite.residual_scale"] = .float32(-1)
        expectFailure(.badData, ["residual_scale", "positive"]) { _ = try open(builder) }
    }
}
