import Checkpoint
import Model
import Storage

/// Writes the sample checkpoint as the GGUF file that llama.cpp's tools would make: matrices in Q8_0, query and key rows
/// interleaved, the tokenizer in the metadata.
enum TinyGGUF {
    /// - Parameter mergeCount: merges of the tokenizer kept; with fewer it cuts a text into other tokens.
    static func write(_ folder: String, to path: String, mergeCount: Int = Int.max) throws {
        let checkpoint = try Checkpoint.open(folder)
        let config = checkpoint.config
        let tokenizer = try JSONValue.parse(
            try Files.read(folder + "/tokenizer.json", limit: 1 << 24), place: "tokenizer.json")
        var tokens = [String](repeating: "", count: config.vocabularySize)
        for member in tokenizer["model"]?["vocab"]?.members ?? [] { tokens[member.value.integer ?? 0] = member.key }
        let special = Set((tokenizer["added_tokens"]?.array ?? []).compactMap { $0["id"]?.integer })
        let merges = (tokenizer["model"]?["merges"]?.array ?? []).prefix(mergeCount).map { pair in
            (pair.array ?? []).compactMap(\.string).joined(separator: " ")
        }
        var metadata = ByteWriter()
        var keyCount: UInt64 = 0
        func key(_ name: String, _ type: UInt32) {
            string(name, &metadata)
            metadata.u32(type)
            keyCount += 1
        }
        func text(_ name: String, _ value: String) {
            key(name, 8)
            string(value, &metadata)
        }
        func integer(_ name: String, _ value: Int) {
            key(name, 4)
            metadata.u32(UInt32(value))
        }
        func list(_ name: String, _ values: [String]) {
            key(name, 9)
            metadata.u32(8)
            metadata.u64(UInt64(values.count))
            for value in values { string(value, &metadata) }
        }
        text("general.architecture", "llama")
        integer("llama.block_count", config.layerCount)
        integer("llama.context_length", config.contextLength)
        integer("llama.embedding_length", config.hiddenSize)
        integer("llama.feed_forward_length", config.intermediateSize)
        integer("llama.attention.head_count", config.headCount)
        integer("llama.attention.head_count_kv", config.kvHeadCount)
        key("llama.attention.layer_norm_rms_epsilon", 6)
        metadata.f32(Float(config.normEpsilon))
        text("tokenizer.ggml.model", "gpt2")
        text("tokenizer.ggml.pre", "smollm")
        list("tokenizer.ggml.tokens", tokens)
        key("tokenizer.ggml.token_type", 9)
        metadata.u32(5)
        metadata.u64(UInt64(tokens.count))
        for id in tokens.indices { metadata.u32(special.contains(id) ? 3 : 1) }
        list("tokenizer.ggml.merges", merges)
        integer("tokenizer.ggml.eos_token_id", config.eosTokens.last ?? 0)

        var table = ByteWriter()
        var data = ByteWriter()
        for tensor in checkpoint.tensors {
            let values = try checkpoint.read(tensor.name)
            string(name(tensor.name), &table)
            table.u32(UInt32(tensor.shape.count))
            for dimension in tensor.shape.reversed() { table.u64(UInt64(dimension)) }
            table.u32(tensor.shape.count == 2 ? 8 : 0)
            table.u64(UInt64(data.bytes.count))
            if tensor.shape.count == 1 {
                for value in values { data.f32(value) }
            } else {
                quantize(rows(values, tensor, config), into: &data)
            }
            data.pad(to: 32)
        }
        var file = ByteWriter()
        file.string("GGUF")
        file.u32(3)
        file.u64(UInt64(checkpoint.tensors.count))
        file.u64(keyCount)
        file.raw(metadata.bytes)
        file.raw(table.bytes)
        file.pad(to: 32)
        file.raw(data.bytes)
        try AtomicFile.write(file.bytes, to: path, replacing: true)
    }

    private static func string(_ text: String, _ writer: inout ByteWriter) {
        writer.u64(UInt64(text.utf8.count))
        writer.string(text)
    }

    private static func name(_ canonical: String) -> String {
        if canonical == TensorName.embedding { return "token_embd.weight" }
        if canonical == TensorName.finalNorm { return "output_norm.weight" }
        let parts = [
            "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
            "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
        ]
        let pieces = canonical.split(separator: ".")
        let part = pieces[3..<pieces.count - 1].joined(separator: ".")
        return "blk.\(pieces[2]).\(parts[part] ?? part).weight"
    }

    /// Rows j and j + half of a query or key head side by side.
    private static func rows(_ values: [Float], _ tensor: TensorEntry, _ config: ModelConfig) -> [Float] {
        guard tensor.name.contains("q_proj") || tensor.name.contains("k_proj") else { return values }
        let (columns, size) = (tensor.shape[1], config.headSize)
        var result: [Float] = []
        for head in stride(from: 0, to: tensor.shape[0], by: size) {
            for index in 0..<size {
                let row = head + index % 2 * (size / 2) + index / 2
                result += values[row * columns..<(row + 1) * columns]
            }
        }
        return result
    }

    /// Q8_0: blocks of 32 with scale max / 127 in half precision.
    private static func quantize(_ values: [Float], into data: inout ByteWriter) {
        for start in stride(from: 0, to: values.count, by: 32) {
            let block = values[start..<start + 32]
            let scale = halfFromFloat((block.map { abs($0) }.max() ?? 0) / 127)
            data.u16(scale)
            let step = floatFromHalf(scale)
            for value in block {
                let code = step == 0 ? 0 : (value / step).rounded()
                data.u8(UInt8(bitPattern: Int8(max(-127, min(127, code)))))
            }
        }
    }
}
