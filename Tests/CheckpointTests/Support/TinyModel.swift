import Model
import Storage

/// A LLaMA-type model of a few hundred weights, written as a Hugging Face directory.
struct TinyModel {
    /// One tensor to be written.
    struct Tensor {
        var name: String
        var dtype = "F32"
        var shape: [Int]
        var values: [Float]
    }

    var config: [String: JSONValue] = [
        "architectures": .array([.string("LlamaForCausalLM")]), "model_type": .string("llama"),
        "hidden_size": .integer(8), "intermediate_size": .integer(16), "num_hidden_layers": .integer(2),
        "num_attention_heads": .integer(2), "num_key_value_heads": .integer(1), "vocab_size": .integer(12),
        "max_position_embeddings": .integer(64), "rms_norm_eps": .number(1e-5), "bos_token_id": .integer(1),
        "eos_token_id": .integer(2), "tie_word_embeddings": .bool(false),
    ]
    var tensors: [Tensor] = []

    init() {
        var model = ModelConfig(
            family: "llama", hiddenSize: 8, intermediateSize: 16, layerCount: 2, headCount: 2, kvHeadCount: 1,
            headSize: 4, vocabularySize: 12, contextLength: 64, normEpsilon: 1e-5, ropeTheta: 10000)
        model.tiedEmbeddings = false
        for (index, requirement) in model.tensorRequirements().enumerated() {
            let count = requirement.shape.reduce(1, *)
            // Exact in every dtype: small multiples of 1/8.
            let values = (0..<count).map { Float(($0 * 7 + index * 3) % 61 - 30) / 8 }
            tensors.append(Tensor(name: requirement.name, shape: requirement.shape, values: values))
        }
    }

    subscript(_ name: String) -> Tensor? { tensors.first { $0.name == name } }

    var configJSON: JSONValue { .object(config.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }) }

    /// The whole directory, in one file or in `shards` files with an index.
    func write(to directory: ScratchDirectory, shards: Int = 0) throws {
        try directory.write(configJSON, to: "config.json")
        if shards == 0 {
            try directory.write(Safetensors.file(tensors), to: "model.safetensors")
            return
        }
        var map: [JSONValue.Member] = []
        for shard in 0..<shards {
            let name = TinyModel.shardName(shard + 1, of: shards)
            let part = tensors.enumerated().filter { $0.offset % shards == shard }.map { $0.element }
            try directory.write(Safetensors.file(part), to: name)
            map += part.map { .init($0.name, .string(name)) }
        }
        let byteCount = tensors.reduce(0) { $0 + Safetensors.bytes($1).count }
        try directory.write(
            .object([
                .init("metadata", .object([.init("total_size", .integer(byteCount))])),
                .init("weight_map", .object(map)),
            ]), to: "model.safetensors.index.json")
    }

    static func shardName(_ number: Int, of count: Int) -> String {
        func padded(_ value: Int) -> String { String(repeating: "0", count: 5 - String(value).count) + String(value) }
        return "model-" + padded(number) + "-of-" + padded(count) + ".safetensors"
    }
}

/// Writes safetensors files, sound or not.
enum Safetensors {
    static func bytes(_ tensor: TinyModel.Tensor) -> [UInt8] {
        var writer = ByteWriter()
        for value in tensor.values {
            switch tensor.dtype {
            case "F16": writer.u16(halfFromFloat(value))
            case "BF16": writer.u16(UInt16(value.bitPattern >> 16))
            default: writer.f32(value)
            }
        }
        return writer.bytes
    }

    static func file(_ tensors: [TinyModel.Tensor]) -> [UInt8] {
        var data: [UInt8] = []
        var members: [JSONValue.Member] = [.init("__metadata__", .object([.init("format", .string("pt"))]))]
        for tensor in tensors {
            let part = bytes(tensor)
            members.append(.init(tensor.name, entry(tensor.dtype, tensor.shape, data.count, data.count + part.count)))
            data += part
        }
        return file(header: JSONValue.object(members).text(), data: data)
    }

    static func entry(_ dtype: String, _ shape: [Int], _ begin: Int, _ end: Int) -> JSONValue {
        .object([
            .init("dtype", .string(dtype)), .init("shape", .array(shape.map { .integer($0) })),
            .init("data_offsets", .array([.integer(begin), .integer(end)])),
        ])
    }

    static func file(header: String, data: [UInt8] = []) -> [UInt8] { file(header: Array(header.utf8), data: data) }
    static func file(header: [UInt8], data: [UInt8] = []) -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(header.count))
        writer.raw(header)
        writer.raw(data)
        return writer.bytes
    }
}
