import Model
import Storage

/// Writes GGUF files, sound or not: every number of the header can be overridden.
struct GGUFBuilder {
    enum Value {
        case uint8(UInt8), uint32(UInt32), int32(Int32), uint64(UInt64), float32(Float), bool(UInt8), string(String)
        case strings([String]), floats([Float]), int32s([Int32])
        /// Type number and bytes as they are.
        case raw(UInt32, [UInt8])
    }
    struct Tensor {
        var name: String
        /// Innermost first, as in the file.
        var dimensions: [UInt64]
        var type: UInt32 = 0
        var data: [UInt8] = []
        /// Nil: where it belongs.
        var offset: UInt64?
        var rank: UInt32?
    }

    var magic = Array("GGUF".utf8)
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var keyCount: UInt64?
    var metadata: [(key: String, value: Value)] = []
    var tensors: [Tensor] = []
    var alignment = 32
    var trailing: [UInt8] = []

    subscript(_ key: String) -> Value? {
        get { metadata.first { $0.key == key }?.value }
        set {
            let index = metadata.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): metadata[index].value = value
            case (let index?, nil): metadata.remove(at: index)
            case (nil, let value?): metadata.append((key, value))
            case (nil, nil): break
            }
        }
    }

    mutating func edit(_ name: String, _ change: (inout Tensor) -> Void) {
        for index in tensors.indices where tensors[index].name == name { change(&tensors[index]) }
    }

    func bytes() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(magic)
        writer.u32(version)
        writer.u64(tensorCount ?? UInt64(tensors.count))
        writer.u64(keyCount ?? UInt64(metadata.count))
        for (key, value) in metadata {
            GGUFBuilder.append(key, to: &writer)
            GGUFBuilder.append(value, to: &writer)
        }
        var offset = 0
        for tensor in tensors {
            GGUFBuilder.append(tensor.name, to: &writer)
            writer.u32(tensor.rank ?? UInt32(tensor.dimensions.count))
            for dimension in tensor.dimensions { writer.u64(dimension) }
            writer.u32(tensor.type)
            writer.u64(tensor.offset ?? UInt64(offset))
            offset = roundedUp(offset + tensor.data.count, to: alignment)
        }
        if !tensors.isEmpty { writer.pad(to: alignment) }
        var data = ByteWriter()
        for tensor in tensors {
            data.raw(tensor.data)
            data.pad(to: alignment)
        }
        writer.raw(data.bytes)
        writer.raw(trailing)
        return writer.bytes
    }

    private static func append(_ text: String, to writer: inout ByteWriter) {
        writer.u64(UInt64(text.utf8.count))
        writer.string(text)
    }

    private static func append(_ value: Value, to writer: inout ByteWriter) {
        switch value {
        case .uint8(let value):
            writer.u32(0)
            writer.u8(value)
        case .uint32(let value):
            writer.u32(4)
            writer.u32(value)
        case .int32(let value):
            writer.u32(5)
            writer.integer(value)
        case .float32(let value):
            writer.u32(6)
            writer.f32(value)
        case .bool(let value):
            writer.u32(7)
            writer.u8(value)
        case .string(let value):
            writer.u32(8)
            append(value, to: &writer)
        case .uint64(let value):
            writer.u32(10)
            writer.u64(value)
        case .strings(let values):
            writer.u32(9)
            writer.u32(8)
            writer.u64(UInt64(values.count))
            for value in values { append(value, to: &writer) }
        case .floats(let values):
            writer.u32(9)
            writer.u32(6)
            writer.u64(UInt64(values.count))
            for value in values { writer.f32(value) }
        case .int32s(let values):
            writer.u32(9)
            writer.u32(5)
            writer.u64(UInt64(values.count))
            for value in values { writer.integer(value) }
        case .raw(let type, let bytes):
            writer.u32(type)
            writer.raw(bytes)
        }
    }

    /// The model of `TinyModel` as llama.cpp's converter stores it: matrices reversed, query and key rows interleaved.
    static func tiny(_ model: TinyModel = TinyModel(), architecture: String = "llama") -> GGUFBuilder {
        var builder = GGUFBuilder()
        builder.metadata = [
            ("general.architecture", .string(architecture)), ("general.name", .string("tiny")),
            (architecture + ".block_count", .uint32(2)), (architecture + ".context_length", .uint32(64)),
            (architecture + ".embedding_length", .uint32(8)), (architecture + ".feed_forward_length", .uint32(16)),
            (architecture + ".attention.head_count", .uint32(2)),
            (architecture + ".attention.head_count_kv", .uint32(1)),
            (architecture + ".attention.layer_norm_rms_epsilon", .float32(1e-5)),
            (architecture + ".rope.freq_base", .float32(10000)),
            ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("smollm")),
            ("tokenizer.ggml.tokens", .strings((0..<12).map { String(UnicodeScalar(UInt8(97 + $0))) })),
            ("tokenizer.ggml.token_type", .int32s([Int32](repeating: 1, count: 12))),
            ("tokenizer.ggml.merges", .strings([])),
            ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
        ]
        let names = [
            "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
            "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        ]
        for tensor in model.tensors {
            var name = tensor.name
            var values = tensor.values
            switch name {
            case TensorName.embedding: name = "token_embd.weight"
            case TensorName.head: name = "output.weight"
            case TensorName.finalNorm: name = "output_norm.weight"
            default:
                let pieces = name.split(separator: ".")
                let part = pieces[3..<pieces.count - 1].joined(separator: ".")
                name = "blk." + pieces[2] + "." + (names[part] ?? part) + ".weight"
                if architecture == "llama" && (part.hasSuffix("q_proj") || part.hasSuffix("k_proj")) {
                    values = interleaved(values, rows: tensor.shape[0], columns: tensor.shape[1], headSize: 4)
                }
            }
            var writer = ByteWriter()
            for value in values { writer.f32(value) }
            builder.tensors.append(
                Tensor(name: name, dimensions: tensor.shape.reversed().map { UInt64($0) }, data: writer.bytes))
        }
        return builder
    }

    /// Rows 0, 1, 2, 3 of a head become 0, 2, 1, 3: pair j of RoPE from (j, j + size / 2) to (2 j, 2 j + 1).
    static func interleaved(_ values: [Float], rows: Int, columns: Int, headSize: Int) -> [Float] {
        var result: [Float] = []
        for head in stride(from: 0, to: rows, by: headSize) {
            for pair in 0..<headSize / 2 {
                for half in 0..<2 {
                    let row = head + half * (headSize / 2) + pair
                    result += values[row * columns..<(row + 1) * columns]
                }
            }
        }
        return result
    }
}
