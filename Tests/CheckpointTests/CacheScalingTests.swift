import Checkpoint
import Model
import Storage
import Testing
import Text

/// Powers of two that bring keys and values into half precision. That the model computes the same is tested with the
/// float reference.
@Suite struct CacheScalingTests {
    private func checkpoint(_ factors: [String: (Int) -> Float] = [:]) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        var model = TinyModel()
        for index in model.tensors.indices {
            let tensor = model.tensors[index]
            guard let factor = factors[tensor.name] else { continue }
            let width = tensor.shape.count == 2 ? tensor.shape[1] : 1
            model.tensors[index].values = tensor.values.enumerated().map { $0.element * factor($0.offset / width) }
        }
        try model.write(to: directory)
        return try Checkpoint.open(directory.path)
    }

    private let values = TensorName.weight(.value, layer: 1)
    private let keys = TensorName.weight(.key, layer: 0)
    private let queries = TensorName.weight(.query, layer: 0)

    @Test func ordinaryModelsStayAsTheyAre() throws {
        #expect(try CacheScaling(fitting: try checkpoint()).isIdentity)
        // Small values of a small layer leave everything else alone, and so do rows of zeros.
        #expect(try CacheScaling(fitting: try checkpoint([values: { $0 == 1 ? 0x1p-12 : 1 }])).isIdentity)
        #expect(try CacheScaling(fitting: try checkpoint([values: { _ in 0 }])).isIdentity)
    }

    @Test func valuesAndTheirColumnsMoveTogether() throws {
        let large = try checkpoint([values: { _ in 0x1p18 }])
        let scaling = try CacheScaling(fitting: large)
        #expect(scaling.changedLayers == [1] && scaling.blocks[1].keys.allSatisfy { $0 == 0 })
        let exponents = scaling.blocks[1].values
        #expect(Set(exponents).count == 1 && exponents[0] > 8)
        let scaled = large.scaled(by: scaling)
        // Results of the tensors that changed are others', and of no others.
        let (before, after) = (try large.digests(), try scaled.digests())
        #expect(
            Set(before.keys.filter { before[$0] != after[$0] }) == [
                values, TensorName.weight(.attentionOutput, layer: 1),
            ])
        let factor = Float(sign: .plus, exponent: exponents[0], significand: 1)
        #expect(try scaled.read(values) == large.read(values).map { $0 / factor })
        let output = TensorName.weight(.attentionOutput, layer: 1)
        #expect(try scaled.read(output) == large.read(output).map { $0 * factor })
        #expect(try scaled.read(output, rows: 2..<4) == Array(try scaled.read(output)[16..<32]))
        for name in [keys, queries, TensorName.weight(.value, layer: 0), TensorName.finalNorm] {
            #expect(try scaled.read(name) == large.read(name))
        }
        // What was brought into range stays as it is.
        #expect(try CacheScaling(fitting: scaled).isIdentity)
    }

    /// Two heads of queries share the keys; a pair of RoPE is channels 0 and 2, or 1 and 3.
    @Test func aPairOfKeysMovesWithTheQueriesThatMeetIt() throws {
        let large = try checkpoint([keys: { $0 == 2 ? 0x1p20 : 1 }])
        let scaling = try CacheScaling(fitting: large)
        let exponents = scaling.blocks[0].keys
        #expect(exponents[0] == exponents[2] && exponents[0] > 8 && exponents[1] == 0 && exponents[3] == 0)
        let scaled = large.scaled(by: scaling)
        let (before, after) = (try large.read(queries), try scaled.read(queries))
        for row in 0..<8 {
            let factor = Float(sign: .plus, exponent: row % 2 == 0 ? exponents[0] : 0, significand: 1)
            #expect(after[row * 8..<row * 8 + 8].elementsEqual(before[row * 8..<row * 8 + 8].map { $0 * factor }))
        }
    }

    @Test func oneChannelMovesAlone() throws {
        let scaling = try CacheScaling(fitting: try checkpoint([values: { $0 == 3 ? 0x1p40 : 1 }]))
        #expect(scaling.blocks[1].values[0..<3].allSatisfy { $0 == 0 } && scaling.blocks[1].values[3] > 30)
    }

    @Test func valuesTooSmallForHalvesMoveUp() throws {
        let output = TensorName.weight(.attentionOutput, layer: 1)
        let small = try checkpoint([values: { _ in 0x1p-30 }, output: { _ in 0x1p30 }])
        let scaling = try CacheScaling(fitting: small)
        #expect(scaling.blocks[1].values.allSatisfy { $0 < -16 })
    }

    @Test func biasesCountAndMoveWithTheirRows() throws {
        let directory = try ScratchDirectory()
        var model = TinyModel()
        model.config["architectures"] = .array([.string("Qwen2ForCausalLM")])
        model.config["model_type"] = .string("qwen2")
        for layer in 0..<2 {
            for (part, count) in [(TensorName.Part.query, 8), (.key, 4), (.value, 4)] {
                let size: Float = layer == 1 && part != .query ? 0x1p20 : 1
                model.tensors.append(
                    .init(
                        name: TensorName.bias(part, layer: layer), shape: [count],
                        values: (1...count).map { Float($0) * size }))
            }
        }
        try model.write(to: directory)
        let checkpoint = try Checkpoint.open(directory.path)
        let scaling = try CacheScaling(fitting: checkpoint)
        #expect(scaling.changedLayers == [1])
        let (keys, values) = (scaling.blocks[1].keys, scaling.blocks[1].values)
        #expect(keys.allSatisfy { $0 > 5 } && values.allSatisfy { $0 > 5 })
        let scaled = checkpoint.scaled(by: scaling)
        func power(_ exponent: Int) -> Float { Float(sign: .plus, exponent: exponent, significand: 1) }
        let (key, value) = (TensorName.bias(.key, layer: 1), TensorName.bias(.value, layer: 1))
        #expect(try scaled.read(key) == (0..<4).map { Float($0 + 1) * 0x1p20 * power(-keys[$0]) })
        #expect(try scaled.read(value) == (0..<4).map { Float($0 + 1) * 0x1p20 * power(-values[$0]) })
        let query = TensorName.bias(.query, layer: 1)
        #expect(try scaled.read(query) == (0..<8).map { Float($0 + 1) * power(keys[$0 % 4]) })
    }

    @Test func theSectionReadsBack() throws {
        let checkpoint = try checkpoint([
            values: { $0 == 1 ? 0x1p30 : 1 }, keys: { _ in 0x1p-40 }, queries: { _ in 0x1p40 },
        ])
        let scaling = try CacheScaling(fitting: checkpoint)
        #expect(scaling.changedLayers == [0, 1])
        let text = scaling.json.text()
        let json = try JSONValue.parse(Array(text.utf8), place: "test")
        #expect(try CacheScaling(json: json, config: checkpoint.config, place: "test") == scaling)
        for (old, new, part) in [
            ("taper-powers-1", "taper-powers-2", "taper-powers-1"),
            ("{\"keys\"", "{\"values\":\"1 1 1 1\"},{\"keys\"", "blocks"),
            ("\"values\":\"0 ", "\"values\":\"0.5 ", "block 1"), ("\"values\":\"0 ", "\"values\":\"", "block 1"),
            ("\"values\":\"0 ", "\"values\":\"301 ", "block 1"),
        ] {
            let broken = text.replacing(old, with: new)
            #expect(broken != text, "\(text)")
            expectFailure(.badData, [part]) {
                let json = try JSONValue.parse(Array(broken.utf8), place: "test")
                _ = try CacheScaling(json: json, config: checkpoint.config, place: "test")
            }
        }
        var blocks = scaling.blocks
        blocks[0].keys[0] += 1
        expectFailure(.badData, ["RoPE", "keys 0 and 2"]) {
            _ = try CacheScaling(blocks: blocks, config: checkpoint.config, place: "test")
        }
    }

    /// The pairs are those of the block's own rotation, and a norm of keys would take their powers back.
    @Test func exponentsOfKeysFollowTheDescription() throws {
        var config = try checkpoint().config
        let none = [Int](repeating: 0, count: config.kvSize)
        func blocks(_ keys: [Int]) -> [CacheScaling.Block] {
            var all = (0..<config.layerCount).map { _ in CacheScaling.Block(keys: none, values: none) }
            all[1].keys = keys
            return all
        }
        func check(_ keys: [Int]) throws {
            _ = try CacheScaling(blocks: blocks(keys), config: config, place: "test")
        }
        expectFailure(.badData, ["block 1", "keys 0 and 2"]) { try check([1, 0, 0, 0]) }
        config.layers[1].rotation?.size = 2
        expectFailure(.badData, ["block 1", "keys 0 and 1"]) { try check([1, 0, 0, 0]) }
        try check([1, 1, 2, 3])
        config.layers[1].rotation = nil
        try check([1, 0, 0, 0])
        config.queryKeyNorm = .head
        expectFailure(.badData, ["block 1", "0 for all keys"]) { try check([1, 0, 0, 0]) }
        try check(none)
    }

    @Test func weightsBeyondComputingAreRefused() throws {
        let huge = try checkpoint([keys: { $0 == 3 ? 0x1p80 : 1 }])
        expectFailure(.badData, [keys, "[3,", "2^64"]) { _ = try huge.read(keys) }
    }
}

extension Checkpoint {
    fileprivate func digests() throws -> [String: Digest] {
        try tensorDigests(inParallel: { count, body in for part in 0..<count { body(part) } }) { _ in }
    }
}
