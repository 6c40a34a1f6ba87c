import Model
import Storage
import Testing

@Suite struct ModelConfigTests {
    static func sample() -> ModelConfig {
        ModelConfig(
            family: "llama", hiddenSize: 64, intermediateSize: 128, layerCount: 2, headCount: 4, kvHeadCount: 2,
            headSize: 16, vocabularySize: 100, contextLength: 256, normEpsilon: 1e-5, ropeTheta: 10000)
    }

    @Test func survivesTheManifest() throws {
        var config = Self.sample()
        config.tiedEmbeddings = true
        config.bosToken = 1
        config.eosTokens = [2, 5]
        config.describeEveryLayer {
            $0.rotation?.scaling = .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192)
        }
        #expect(try ModelConfig(json: config.json, place: "t") == config)
    }

    @Test(arguments: [
        ("hidden_size", JSONValue.integer(0)), ("hidden_size", .integer(-1)), ("hidden_size", .integer(1_000_000_000)),
        ("hidden_size", .string("4096")), ("hidden_size", .number(3.5)), ("num_attention_heads", .integer(0)),
        ("num_key_value_heads", .integer(3)), ("num_hidden_layers", .integer(0)),
        ("num_hidden_layers", .integer(1_000_000)), ("rope_theta", .integer(0)), ("rope_theta", .null),
        ("rotary_dim", .integer(15)), ("rotary_dim", .integer(18)), ("hidden_act", .string("relu")),
        ("eos_token_id", .array([.integer(100)])), ("bos_token_id", .integer(-1)),
    ])
    func refusesImpossibleValues(key: String, value: JSONValue) {
        guard case .object(var members) = Self.sample().json else { return }
        members = members.map { $0.key == key ? .init(key, value) : $0 }
        #expect(throws: TaperError(.badData, "")) { try ModelConfig(json: .object(members), place: "t") }
    }

    @Test func tensorsFollowTheConfig() {
        var config = Self.sample()
        #expect(config.tensorRequirements().count == 1 + 2 * 9 + 1 + 1)
        config.tiedEmbeddings = true
        config.qkvBias = true
        #expect(config.tensorRequirements().count == 1 + 2 * 12 + 1)
        #expect(config.tensorRequirements().filter(\.isLinear).count == 14)
    }

    @Test func llama3ScalingKeepsHighFrequenciesAndDividesLowOnes() throws {
        var config = Self.sample()
        config.headSize = 128
        config.describeEveryLayer { $0.rotation?.size = 128 }
        config.describeEveryLayer { $0.rotation?.theta = 500_000 }
        let plain = try #require(config.layers[0].rotation).frequencies()
        config.describeEveryLayer {
            $0.rotation?.scaling = .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192)
        }
        let scaled = try #require(config.layers[0].rotation).frequencies()
        #expect(scaled[0] == plain[0])
        #expect(abs(scaled[63] * 8 / plain[63] - 1) < 1e-12)
        for index in 0..<64 { #expect(scaled[index] <= plain[index] && scaled[index] * 8 >= plain[index] * 0.999999) }
    }
}
