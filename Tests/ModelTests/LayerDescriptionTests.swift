import Model
import Storage
import Testing

@Suite struct LayerDescriptionTests {
    private static let yarn = YaRN(factor: 4, originalContext: 64, betaFast: 16, betaSlow: 0.5, truncates: false)
    /// Descriptions that layers of one model may have next to each other.
    static let kinds: [LayerDescription] = [
        LayerDescription(rotation: Rotation(theta: 10000, size: 16)),
        LayerDescription(window: 7, rotation: Rotation(theta: 10000, size: 16)),
        LayerDescription(window: 9, rotation: Rotation(theta: 500, size: 8)),
        LayerDescription(rotation: nil), LayerDescription(window: 7, rotation: nil),
        LayerDescription(rotation: Rotation(theta: 10000, size: 16, scaling: .linear(factor: 2.5))),
        LayerDescription(
            rotation: Rotation(
                theta: 10000, size: 16,
                scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 64))),
        LayerDescription(window: 3, rotation: Rotation(theta: 1e6, size: 16, scaling: .yarn(yarn))),
    ]

    static func config(_ layers: [LayerDescription]) -> ModelConfig {
        var config = ModelConfigTests.sample()
        config.layers = layers
        return config
    }

    /// Every two kinds in either order, and all of them.
    @Test func everyMixSurvivesTheManifest() throws {
        var mixes = [Self.kinds, Array(Self.kinds.reversed())]
        for first in Self.kinds { for second in Self.kinds { mixes.append([first, second]) } }
        for layers in mixes {
            let config = Self.config(layers)
            let text = config.json.text()
            let read = try ModelConfig(json: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
            #expect(read == config, "\(text)")
            #expect(read.json.text() == text)
        }
    }

    @Test func onlyWhatDiffersIsWritten() throws {
        let layers = [Self.kinds[1], Self.kinds[0], Self.kinds[2], Self.kinds[3], Self.kinds[1]]
        let list = try #require(Self.config(layers).json["layers"]?.array).map { $0.text() }
        #expect(
            list == [
                "{}", #"{"sliding_window":null}"#, #"{"sliding_window":9,"rope":{"rope_theta":5e+02,"rotary_dim":8}}"#,
                #"{"sliding_window":null,"rope":null}"#, "{}",
            ])
        for kind in Self.kinds where kind.rotation != nil {
            #expect(Self.config([kind, kind]).json["layers"] == nil)
        }
        // The first rotation there is speaks for all, the first layer's window too.
        let late = Self.config([Self.kinds[4], Self.kinds[7]])
        #expect(late.json["sliding_window"]?.integer == 7 && late.json["rope_theta"]?.double == 1e6)
        #expect(
            try #require(late.json["layers"]?.array).map { $0.text() } == [#"{"rope":null}"#, #"{"sliding_window":3}"#])
    }

    @Test func aModelMayHaveNoRotationAtAll() throws {
        let config = Self.config([Self.kinds[3], Self.kinds[4]])
        #expect(config.rotations.isEmpty)
        #expect(try ModelConfig(json: config.json, place: "t") == config)
    }

    @Test func rotationsAreListedOnce() {
        #expect(Self.config(Self.kinds + Self.kinds).rotations.count == 5)
    }

    /// Text of "layers" for two layers, and what the message says.
    @Test(arguments: [
        (#"{}"#, "num_hidden_layers objects"), (#"[{}]"#, "num_hidden_layers objects"),
        (#"[{},{},{}]"#, "num_hidden_layers objects"), (#"null"#, "num_hidden_layers objects"),
        (#"[{},7]"#, "layers[1]: not a description"), (#"[{},[]]"#, "layers[1]: not a description"),
        (#"[{"sliding_window":0},{}]"#, "layers[0]: sliding_window is out of range"),
        (#"[{"sliding_window":1.0},{}]"#, "layers[0]: sliding_window"),
        (#"[{"sliding_window":67108865},{}]"#, "layers[0]: sliding_window is out of range"),
        (#"[{},{"rope":{}}]"#, "layers[1]: rope: rope_theta"),
        (#"[{},{"rope":true}]"#, "layers[1]: rope: not a description"),
        (#"[{},{"rope":{"rope_theta":1e4}}]"#, "layers[1]: rope: rotary_dim"),
        (#"[{},{"rope":{"rope_theta":1e4,"rotary_dim":18}}]"#, "layers[1]: the rotary size"),
        (#"[{},{"rope":{"rope_theta":0.5,"rotary_dim":8}}]"#, "layers[1]: rope_theta is out of range"),
        (#"[{},{"rope":{"rope_theta":1e4,"rotary_dim":8,"rope_scaling":null}}]"#, "rope: rope_scaling"),
        (#"[{},{"rope":{"rope_theta":1e4,"rotary_dim":8,"rope_scaling":{"factor":2}}}]"#, "rope: rope_scaling"),
        (
            #"[{},{"rope":{"rope_theta":1e4,"rotary_dim":8,"rope_scaling":{"rope_type":"linear","factor":0}}}]"#,
            "layers[1]: factor of rope_scaling"
        ),
    ])
    func impossibleLayersAreRefusedWithTheirPlace(_ layers: String, _ says: String) throws {
        let error = try #require(throws: TaperError.self) { try Self.read(#""layers":\#(layers)"#) }
        #expect(error.code == .badData && error.message.contains(says), "\(error.message)")
    }

    @Test(arguments: [
        (#""layers":[{"window":3},{}]"#, "'window'"), (#""layers":[{},{"rope_theta":3}]"#, "'rope_theta'"),
        (#""layers":[{},{"rope":{"rope_theta":1e4,"rotary_dim":8,"theta":1}}]"#, "'theta'"),
        (#""rope_scaling":{"rope_type":"linear","factor":2,"truncate":true}"#, "'truncate'"),
        (
            #""rope_scaling":{"rope_type":"llama3","factor":2,"low_freq_factor":1,"high_freq_factor":4,"#
                + #""original_max_position_embeddings":64,"beta_fast":32}"#, "'beta_fast'"
        ),
        (
            #""rope_scaling":{"rope_type":"yarn","factor":2,"original_max_position_embeddings":64,"beta_fast":32,"#
                + #""beta_slow":1,"attention_factor":1,"truncate":true,"mscale":1}"#, "'mscale'"
        ),
    ])
    func unknownKeysAreRefused(_ member: String, _ says: String) throws {
        let error = try #require(throws: TaperError.self) { try Self.read(member) }
        #expect(error.code == .unsupported && error.message.contains(says), "\(error.message)")
    }

    /// A model's own window and rotation are checked although no layer goes by them.
    @Test func whatNoLayerUsesIsCheckedToo() throws {
        let alone = #"{"sliding_window":3,"rope":null}"#
        _ = try Self.read(#""layers":[\#(alone),\#(alone)]"#)
        for (member, says) in [
            (#""sliding_window":0"#, "sliding_window"),
            (#""rope_scaling":{"rope_type":"linear","factor":-1}"#, "factor of rope_scaling"),
        ] {
            let error = try #require(throws: TaperError.self) {
                try Self.read(#"\#(member),"layers":[\#(alone),\#(alone)]"#)
            }
            #expect(error.message.contains(says), "\(error.message)")
        }
    }

    /// The sample's description with one member more.
    static func read(_ member: String) throws -> ModelConfig {
        let text = "{" + member + "," + ModelConfigTests.sample().json.text().dropFirst()
        return try ModelConfig(json: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
    }
}
