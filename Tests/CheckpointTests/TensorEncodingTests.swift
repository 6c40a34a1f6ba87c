import Checkpoint
import Model
import Storage
import Testing

/// Blocks of random bytes decoded by the `gguf` package (make_blocks_golden.py), bit for bit.
@Suite struct TensorEncodingTests {
    /// A model whose embedding has the encoding in question: three rows of `columns` elements.
    private func checkpoint(_ type: UInt32, columns: Int, data: [UInt8]) throws -> Checkpoint {
        var builder = GGUFBuilder()
        builder.metadata = [
            ("general.architecture", .string("llama")), ("llama.block_count", .uint32(1)),
            ("llama.context_length", .uint32(64)), ("llama.embedding_length", .uint32(UInt32(columns))),
            ("llama.feed_forward_length", .uint32(4)), ("llama.attention.head_count", .uint32(UInt32(columns / 4))),
            ("llama.attention.head_count_kv", .uint32(1)), ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
        ]
        func zeros(_ name: String, _ dimensions: [Int]) {
            let count = 4 * dimensions.reduce(1, *)
            builder.tensors.append(
                .init(
                    name: name + ".weight", dimensions: dimensions.map { UInt64($0) },
                    data: [UInt8](repeating: 0, count: count)))
        }
        for part in ["attn_q", "attn_output"] { zeros("blk.0." + part, [columns, columns]) }
        for part in ["attn_k", "attn_v", "ffn_gate", "ffn_up"] { zeros("blk.0." + part, [columns, 4]) }
        zeros("blk.0.ffn_down", [4, columns])
        for part in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] { zeros(part, [columns]) }
        builder.tensors.append(
            .init(name: "token_embd.weight", dimensions: [UInt64(columns), 3], type: type, data: data))
        let directory = try ScratchDirectory()
        return try Checkpoint.open(try directory.write(builder.bytes(), to: "model.gguf"))
    }

    @Test func blocksEqualThePackagesBitForBit() throws {
        let cases = try #require(try fixture("blocks.json").array)
        #expect(cases.count == 12)
        for item in cases {
            let name = try #require(item["name"]?.string)
            let columns = try #require(item["elements"]?.integer)
            let digits = Array(try #require(item["bytes"]?.string).utf8)
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            }
            let expected = try #require(item["values"]?.array).compactMap { $0.integer }
            // Two golden blocks behind one of zero bytes.
            let blank = [UInt8](repeating: 0, count: bytes.count / 2)
            let model = try checkpoint(
                UInt32(try #require(item["type"]?.integer)), columns: columns, data: blank + bytes)
            #expect(model.tensors.first?.dtype == name)
            let values = try model.read(TensorName.embedding, rows: 1..<3)
            #expect(values.map { Int($0.bitPattern) } == expected, "\(name)")
            // One embedding row and the whole of it as head, besides linear layers and norms.
            #expect(model.tensors.first?.byteCount == 3 * blank.count, "\(name)")
        }
    }

    @Test func unreadableEncodingsAreNamed() throws {
        // IQ2_XXS is known, but not decoded.
        expectFailure(.unsupported, ["IQ2_XXS", "Q2_K to Q6_K"]) {
            _ = try checkpoint(16, columns: 256, data: [UInt8](repeating: 0, count: 3 * 66))
        }
    }
}
