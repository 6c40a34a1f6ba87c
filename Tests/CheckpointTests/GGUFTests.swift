import Checkpoint
import Model
import Storage
import Testing

/// What sound GGUF files mean.
@Suite struct GGUFTests {
    private func open(_ builder: GGUFBuilder) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        return try Checkpoint.open(try directory.write(builder.bytes(), to: "model.gguf"))
    }

    @Test(arguments: [2, 3] as [UInt32]) func equalsTheSameModelInSafetensors(_ version: UInt32) throws {
        let model = TinyModel()
        var builder = GGUFBuilder.tiny(model)
        builder.version = version
        let gguf = try open(builder)
        let directory = try ScratchDirectory()
        try model.write(to: directory)
        let safetensors = try Checkpoint.open(directory.path)
        #expect(gguf.config == safetensors.config)
        #expect(gguf.tensors.map { $0.name } == safetensors.tensors.map { $0.name })
        for tensor in model.tensors {
            // Query and key rows are back in the order of the halves.
            #expect(try gguf.read(tensor.name) == tensor.values, "\(tensor.name)")
        }
        #expect(gguf.format == "gguf" && gguf.warnings.isEmpty)
    }

    @Test func rowsOfInterleavedTensorsReadAlone() throws {
        let model = TinyModel()
        let checkpoint = try open(.tiny(model))
        let name = TensorName.weight(.query, layer: 1)
        let whole = try #require(model[name]).values
        #expect(try checkpoint.read(name, rows: 3..<6) == Array(whole[24..<48]))
        #expect(try checkpoint.read(name, rows: 2..<2).isEmpty)
    }

    @Test func onlyTheLlamaArchitectureInterleaves() throws {
        let model = TinyModel()
        var builder = GGUFBuilder.tiny(model, architecture: "qwen2")
        for (part, rows) in [("attn_q", 8), ("attn_k", 4), ("attn_v", 4)] {
            for layer in 0..<2 {
                builder.tensors.append(
                    .init(
                        name: "blk.\(layer).\(part).bias", dimensions: [UInt64(rows)],
                        data: [UInt8](repeating: 0, count: 4 * rows)))
            }
        }
        let checkpoint = try open(builder)
        #expect(checkpoint.config.family == "qwen2" && checkpoint.config.qkvBias)
        let name = TensorName.weight(.key, layer: 0)
        #expect(try checkpoint.read(name) == model[name]?.values)
    }

    @Test func fusedQueryKeyValueIsTakenApart() throws {
        let model = TinyModel()
        var builder = GGUFBuilder.tiny(model, architecture: "qwen2")
        for layer in 0..<2 {
            let parts = ["attn_q", "attn_k", "attn_v"].map { part in
                builder.tensors.first { $0.name == "blk.\(layer).\(part).weight" }?.data ?? []
            }
            builder.tensors.removeAll {
                $0.name.hasPrefix("blk.\(layer).attn_") && $0.dimensions == [8, 8] && $0.name.hasSuffix("q.weight")
            }
            builder.tensors.removeAll {
                $0.name == "blk.\(layer).attn_k.weight" || $0.name == "blk.\(layer).attn_v.weight"
            }
            builder.tensors.append(
                .init(name: "blk.\(layer).attn_qkv.weight", dimensions: [8, 16], data: parts.flatMap { $0 }))
            var bias = ByteWriter()
            for value in 0..<16 { bias.f32(Float(value)) }
            builder.tensors.append(.init(name: "blk.\(layer).attn_qkv.bias", dimensions: [16], data: bias.bytes))
        }
        let checkpoint = try open(builder)
        for part in [TensorName.Part.query, .key, .value] {
            let name = TensorName.weight(part, layer: 1)
            #expect(try checkpoint.read(name) == model[name]?.values)
        }
        #expect(try checkpoint.read(TensorName.bias(.key, layer: 0)) == [8, 9, 10, 11])
        #expect(try checkpoint.read(TensorName.bias(.value, layer: 0)) == [12, 13, 14, 15])
        #expect(checkpoint.tensors.first { $0.name == TensorName.weight(.key, layer: 0) }?.byteCount == 4 * 8 * 4)
    }

    @Test func missingHeadMeansTied() throws {
        var builder = GGUFBuilder.tiny()
        builder.tensors.removeAll { $0.name == "output.weight" }
        let checkpoint = try open(builder)
        #expect(checkpoint.config.tiedEmbeddings)
        #expect(try checkpoint.read(TensorName.head) == checkpoint.read(TensorName.embedding))
    }

    @Test func endOfSequenceIsTheUnionOfItsKeys() throws {
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.eot_token_id"] = .uint32(7)
        builder["tokenizer.chat_template"] = .string("{{ messages }}")
        let checkpoint = try open(builder)
        #expect(checkpoint.config.eosTokens == [2, 7])
        #expect(checkpoint.config.bosToken == 1)
        #expect(checkpoint.chatTemplates.standard == "{{ messages }}")
    }

    @Test func llama3DivisorsAreRecognised() throws {
        var builder = GGUFBuilder.tiny()
        var config = try open(builder).config
        let plain = try #require(config.layers[0].rotation).frequencies()
        config.describeEveryLayer {
            $0.rotation?.scaling = .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192)
        }
        let scaled = try #require(config.layers[0].rotation).frequencies()
        var divisors = ByteWriter()
        for pair in plain.indices { divisors.f32(Float(plain[pair] / scaled[pair])) }
        builder.tensors.append(.init(name: "rope_freqs.weight", dimensions: [2], data: divisors.bytes))
        // With heads of four elements no wavelength reaches the ramp, so that every divisor is 1.
        #expect(try open(builder).config.layers[0].rotation?.scaling == Rotation.Scaling.none)
        builder["llama.rope.freq_base"] = .float32(5e8)
        config.describeEveryLayer { $0.rotation?.theta = 5e8 }
        config.describeEveryLayer { $0.rotation?.scaling = .none }
        let slow = try #require(config.layers[0].rotation).frequencies()
        config.describeEveryLayer {
            $0.rotation?.scaling = .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192)
        }
        let slowScaled = try #require(config.layers[0].rotation).frequencies()
        divisors = ByteWriter()
        for pair in slow.indices { divisors.f32(Float(slow[pair] / slowScaled[pair])) }
        builder.edit("rope_freqs.weight") { $0.data = divisors.bytes }
        #expect(try open(builder).config.layers[0].rotation?.scaling == config.layers[0].rotation?.scaling)
        divisors = ByteWriter()
        for divisor in [3, 5] as [Float] { divisors.f32(divisor) }
        builder.edit("rope_freqs.weight") { $0.data = divisors.bytes }
        expectFailure(.unsupported, ["rope_freqs.weight"]) { _ = try open(builder) }
    }

    @Test func linearScalingIsRead() throws {
        var builder = GGUFBuilder.tiny()
        builder["llama.rope.scaling.type"] = .string("linear")
        builder["llama.rope.scaling.factor"] = .float32(4)
        #expect(try open(builder).config.layers[0].rotation?.scaling == .linear(factor: 4))
    }

    /// A block of 32 weights in every supported encoding, and what ggml's definition makes of it.
    static let blocks: [(name: String, type: UInt32, bytes: [UInt8], values: [Float])] = {
        func half(_ value: Float) -> [UInt8] {
            let bits = halfFromFloat(value)
            return [UInt8(bits & 255), UInt8(bits >> 8)]
        }
        let nibbles = (0..<16).map { UInt8($0) | UInt8(15 - $0) << 4 }
        let fifth: UInt32 = 0xA5A5_0FF1
        let fifthBytes = (0..<4).map { UInt8(truncatingIfNeeded: fifth >> (8 * UInt32($0))) }
        let four = (0..<32).map { $0 < 16 ? $0 : 31 - $0 }
        let five = four.enumerated().map { $0.element + Int(fifth >> UInt32($0.offset) & 1) * 16 }
        let scale = floatFromHalf(halfFromFloat(0.1))
        let minimum = floatFromHalf(halfFromFloat(-0.7))
        return [
            ("F16", 1, (0..<32).flatMap { half(Float($0) / 4) }, (0..<32).map { Float($0) / 4 }),
            (
                "BF16", 30, (0..<32).flatMap { [0, UInt8(0x40 + $0)] },
                (0..<32).map { Float(bitPattern: UInt32(0x40 + $0) << 24) }
            ),
            (
                "Q8_0", 8, half(0.1) + (0..<32).map { UInt8(bitPattern: Int8($0 * 8 - 128)) },
                (0..<32).map { scale * Float($0 * 8 - 128) }
            ),
            ("Q4_0", 2, half(0.1) + nibbles, four.map { scale * Float($0 - 8) }),
            ("Q4_1", 3, half(0.1) + half(-0.7) + nibbles, four.map { scale * Float($0) + minimum }),
            ("Q5_0", 6, half(0.1) + fifthBytes + nibbles, five.map { scale * Float($0 - 16) }),
            ("Q5_1", 7, half(0.1) + half(-0.7) + fifthBytes + nibbles, five.map { scale * Float($0) + minimum }),
        ]
    }()

    @Test(arguments: blocks) func encodingsDecodeAsDefined(
        _ name: String, _ type: UInt32, _ bytes: [UInt8], _ values: [Float]
    ) throws {
        var builder = GGUFBuilder()
        builder.metadata = [
            ("general.architecture", .string("llama")), ("llama.block_count", .uint32(1)),
            ("llama.context_length", .uint32(64)), ("llama.embedding_length", .uint32(32)),
            ("llama.feed_forward_length", .uint32(32)), ("llama.attention.head_count", .uint32(1)),
            ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
        ]
        let zeros = [UInt8](repeating: 0, count: 4 * 32 * 32)
        for part in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
            builder.tensors.append(.init(name: "blk.0.\(part).weight", dimensions: [32, 32], data: zeros))
        }
        for part in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] {
            builder.tensors.append(.init(name: part + ".weight", dimensions: [32], data: [UInt8](zeros[0..<128])))
        }
        // Three rows: the second is the block in question, between blocks of zero bytes.
        let blank = [UInt8](repeating: 0, count: bytes.count)
        builder.tensors.append(
            .init(name: "token_embd.weight", dimensions: [32, 3], type: type, data: blank + bytes + blank))
        let checkpoint = try open(builder)
        #expect(checkpoint.tensors.first?.dtype == name)
        #expect(try checkpoint.read(TensorName.embedding, rows: 1..<2) == values)
        #expect(try checkpoint.read(TensorName.embedding).count == 96)
    }

    @Test func tokenizerIsCheckedWhenAskedFor() throws {
        // The second of the twelve tokens is not UTF-8.
        var tokens = ByteWriter()
        tokens.u32(8)
        tokens.u64(12)
        for index in 0..<12 {
            tokens.u64(1)
            tokens.u8(index == 1 ? 0xff : UInt8(97 + index))
        }
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.tokens"] = .raw(9, tokens.bytes)
        expectFailure(.badData, ["tokenizer.ggml.tokens", "[1]", "UTF-8"]) { _ = try open(builder).tokenizer() }
        builder = .tiny()
        builder["tokenizer.ggml.model"] = nil
        expectFailure(.badData, ["tokenizer.ggml.model"]) { _ = try open(builder).tokenizer() }
        builder["tokenizer.ggml.tokens"] = nil
        expectFailure(.badData, ["no tokenizer"]) { _ = try open(builder).tokenizer() }
        builder = .tiny()
        builder["tokenizer.ggml.add_bos_token"] = .string("yes")
        expectFailure(.badData, ["add_bos_token"]) { _ = try open(builder).tokenizer() }
    }

    @Test func zeroAlignedDataMayEndWithoutPadding() throws {
        var bytes = GGUFBuilder.tiny().bytes()
        while bytes.count > 100, bytes.last == 0, bytes.count % 32 != 0 { bytes.removeLast() }
        let directory = try ScratchDirectory()
        #expect(try Checkpoint.open(try directory.write(bytes, to: "model.gguf")).tensors.count == 21)
    }
}
