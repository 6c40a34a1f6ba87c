import Checkpoint
import Foundation
import Model
import Storage
import Testing

/// GGUF files whose structure or metadata is wrong, one of each kind.
@Suite struct GGUFFileTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let fragments: [String]
        let code: TaperError.Code
        var testDescription: String { name }

        init(
            _ name: String, _ fragments: [String], code: TaperError.Code = .badData,
            _ change: (inout GGUFBuilder) -> Void
        ) {
            var builder = GGUFBuilder.tiny()
            change(&builder)
            self.init(name, bytes: builder.bytes(), fragments, code: code)
        }
        init(_ name: String, bytes: [UInt8], _ fragments: [String], code: TaperError.Code = .badData) {
            self.name = name
            self.bytes = bytes
            self.fragments = fragments
            self.code = code
        }
    }

    /// A file that ends behind one metadata entry of these bytes.
    private static func entry(_ bytes: [UInt8], padding: Int = 64) -> [UInt8] {
        var writer = ByteWriter()
        writer.string("GGUF")
        writer.u32(3)
        writer.u64(0)
        writer.u64(1)
        writer.raw(bytes)
        writer.raw([UInt8](repeating: 0, count: padding))
        return writer.bytes
    }
    private static func words(_ values: UInt64...) -> [UInt8] {
        var writer = ByteWriter()
        for value in values { writer.u64(value) }
        return writer.bytes
    }
    private static func key(_ name: String, _ type: UInt32, _ rest: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(name.utf8.count))
        writer.string(name)
        writer.u32(type)
        writer.raw(rest)
        return writer.bytes
    }
    private static func array(_ type: UInt32, _ count: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(type)
        writer.u64(count)
        return writer.bytes
    }

    static let structure: [Case] = [
        Case("empty file", bytes: [], ["empty"]),
        Case("four bytes", bytes: Array("GGUF".utf8), ["4 bytes"]),
        Case("bad magic", ["GGUf"]) { $0.magic = Array("GGUf".utf8) },
        Case("byte-swapped magic", ["FUGG"]) { $0.magic = Array("FUGG".utf8) },
        Case("LFS pointer", bytes: Array("version https://git-lfs.github.com/spec/v1\n".utf8), ["git lfs pull"]),
        Case("web page", bytes: Array("<!doctype html><p>no".utf8), ["web page"]),
        Case("version 0", ["version", "0"]) { $0.version = 0 },
        Case("version 1", ["version", "1"], code: .unsupported) { $0.version = 1 },
        Case("version 4", ["version", "4"], code: .unsupported) { $0.version = 4 },
        Case("big-endian", ["big-endian"], code: .unsupported) { $0.version = 3 << 24 },
        Case("2^64 - 1 tensors", ["tensor count"]) { $0.tensorCount = .max },
        Case("2^31 tensors", ["tensor count"]) { $0.tensorCount = 1 << 31 },
        Case("one tensor too many", []) { $0.tensorCount = UInt64($0.tensors.count + 1) },
        Case("one tensor too few", []) { $0.tensorCount = UInt64($0.tensors.count - 1) },
        Case("2^64 - 1 keys", ["metadata count"]) { $0.keyCount = .max },
        Case("one key too many", []) { $0.keyCount = UInt64($0.metadata.count + 1) },
        Case("key longer than the file", bytes: entry(words(1000)), ["key", "1000 bytes"]),
        Case("key of length 0", bytes: entry(words(0)), ["key"]),
        Case("key of length 2^63", bytes: entry(words(1 << 63)), ["key", "9223372036854775808"]),
        Case("key not UTF-8", bytes: entry(words(2) + [0xff, 0xfe]), ["key", "UTF-8"]),
        Case("key with NUL", bytes: entry(words(2) + [0x61, 0]), ["control"]),
        Case("duplicate key", ["general.name", "twice"]) { $0.metadata.append(("general.name", .uint8(1))) },
        Case("value type 13", bytes: entry(key("a", 13, [])), ["'a'", "13"]),
        Case("value type -1", bytes: entry(key("a", .max, [])), ["'a'", "4294967295"]),
        Case("string of 2^64 - 1", bytes: entry(key("a", 8, words(.max))), ["'a'", "18446744073709551615"]),
        Case("string of 1 GiB + 1", bytes: entry(key("a", 8, words(1 << 30 + 1))), ["'a'"]),
        Case("string behind the end", bytes: entry(key("a", 8, words(1000))), ["'a'", "1000 bytes"]),
        Case("string not UTF-8", bytes: entry(key("a", 8, words(1) + [0xff])), ["'a'", "UTF-8"]),
        Case("array of 2^64 - 1", bytes: entry(key("a", 9, array(4, .max))), ["'a'"]),
        Case("array of 2^60 words", bytes: entry(key("a", 9, array(10, 1 << 60))), ["'a'"]),
        Case("array behind the end", bytes: entry(key("a", 9, array(10, 1000))), ["'a'", "8000 bytes"]),
        Case("strings behind the end", bytes: entry(key("a", 9, array(8, 1000))), ["'a'", "1000 strings"]),
        Case("array of arrays", bytes: entry(key("a", 9, array(9, 1))), ["'a'", "arrays"], code: .unsupported),
        Case("array of unknown type", bytes: entry(key("a", 9, array(13, 1))), ["'a'", "13"]),
        Case("bad string in an array", bytes: entry(key("a", 9, array(8, 2) + words(0, 1 << 40))), ["'a'"]),
        Case("boolean 2", bytes: entry(key("a", 7, [2])), ["'a'", "boolean"]),
        Case("alignment 0", ["general.alignment"]) { $0["general.alignment"] = .uint32(0) },
        Case("alignment 3", ["general.alignment", "3"]) { $0["general.alignment"] = .uint32(3) },
        Case("alignment 2^31", ["general.alignment"]) { $0["general.alignment"] = .uint32(1 << 31) },
        Case("alignment as text", ["general.alignment", "string"]) { $0["general.alignment"] = .string("32") },
        Case("name of 64 bytes", ["name", "64"]) { $0.tensors[0].name = String(repeating: "n", count: 64) },
        Case("empty name", ["name"]) { $0.tensors[0].name = "" },
        Case("name with escape", ["control"]) { $0.tensors[0].name = "\u{1b}[31m" },
        Case("duplicate name", ["output_norm.weight", "twice"]) {
            $0.tensors.append($0.tensors.first { $0.name == "output_norm.weight" } ?? $0.tensors[0])
        },
        Case("rank 0", ["token_embd.weight", "rank"]) {
            $0.edit("token_embd.weight") {
                $0.dimensions = []
                $0.rank = 0
            }
        },
        Case("rank 5", ["rank", "5"]) { $0.edit("token_embd.weight") { $0.dimensions = [8, 12, 1, 1, 1] } },
        Case("rank 2^32 - 1", ["rank"]) { $0.edit("token_embd.weight") { $0.rank = .max } },
        Case("negative dimension", ["token_embd.weight", "dimension"]) {
            $0.edit("token_embd.weight") { $0.dimensions = [8, .max] }
        },
        Case("size overflows", ["token_embd.weight", "overflows"]) {
            $0.edit("token_embd.weight") { $0.dimensions = [1 << 32, 1 << 32] }
        },
        Case("sum overflows", ["token_embd.weight"]) {
            for name in ["token_embd.weight", "output.weight"] {
                $0.edit(name) {
                    $0.dimensions = [0x7FFF_FFFF_FFFF_FFC0]
                    $0.type = 24
                }
            }
        },
        Case("empty dimension", ["token_embd.weight", "[12, 0]"]) {
            $0.edit("token_embd.weight") {
                $0.dimensions = [0, 12]
                $0.data = []
            }
        },
        Case("partial block", ["token_embd.weight", "Q4_0", "32"]) { $0.edit("token_embd.weight") { $0.type = 2 } },
        Case("withdrawn type", ["token_embd.weight", "type 4"], code: .unsupported) {
            $0.edit("token_embd.weight") { $0.type = 4 }
        },
        Case("unknown type", ["token_embd.weight", "4294967295"], code: .unsupported) {
            $0.edit("token_embd.weight") { $0.type = .max }
        },
        Case("unaligned offset", ["token_embd.weight", "offset"]) { $0.edit("token_embd.weight") { $0.offset = 1 } },
        Case("offset behind the end", ["output.weight"]) { $0.edit("output.weight") { $0.offset = 1 << 40 } },
        Case("offset 2^64 - 32", ["output.weight"]) { $0.edit("output.weight") { $0.offset = UInt64.max - 31 } },
        Case("overlapping tensors", ["output.weight", "overlap"]) { $0.edit("output.weight") { $0.offset = 0 } },
        Case("two files joined", ["after the last tensor", "gguf-split"]) {
            $0.trailing = GGUFBuilder.tiny().bytes()
        },
    ]

    @Test(arguments: structure) func structureIsChecked(_ example: Case) throws {
        let directory = try ScratchDirectory()
        let path = try directory.write(example.bytes, to: "model.gguf")
        expectFailure(example.code, ["model.gguf"] + example.fragments, "\(example.name)") {
            _ = try Checkpoint.open(path)
        }
    }

    static let metadata: [Case] = [
        Case("no architecture", ["general.architecture"]) { $0["general.architecture"] = nil },
        Case("architecture as number", ["general.architecture"]) { $0["general.architecture"] = .uint8(1) },
        Case("unknown architecture", ["mamba"], code: .unsupported) { $0["general.architecture"] = .string("mamba") },
        Case("an adapter", ["general.type", "adapter"], code: .unsupported) {
            $0["general.type"] = .string("adapter")
        },
        Case("no block_count", ["llama.block_count", "nothing"]) { $0["llama.block_count"] = nil },
        Case("block_count 0", ["num_hidden_layers"]) { $0["llama.block_count"] = .uint32(0) },
        Case("block_count -1", ["llama.block_count"]) { $0["llama.block_count"] = .int32(-1) },
        Case("block_count as text", ["llama.block_count", "string"]) { $0["llama.block_count"] = .string("2") },
        Case("block_count as float", ["llama.block_count"]) { $0["llama.block_count"] = .float32(2) },
        Case("block_count 2^63", ["llama.block_count"]) { $0["llama.block_count"] = .uint64(1 << 63) },
        Case("block_count too large", ["blk.2"]) { $0["llama.block_count"] = .uint32(3) },
        Case("block_count too small", ["blk.1"], code: .unsupported) { $0["llama.block_count"] = .uint32(1) },
        Case("no head_count", ["llama.attention.head_count"]) { $0["llama.attention.head_count"] = nil },
        Case("head_count 0", ["head_count"]) { $0["llama.attention.head_count"] = .uint32(0) },
        Case("head_count by layer", ["head_count", "layer"], code: .unsupported) {
            $0["llama.attention.head_count"] = .int32s([2, 1])
        },
        Case("head_count 3", ["head_count"]) { $0["llama.attention.head_count"] = .uint32(3) },
        Case("no epsilon", ["layer_norm_rms_epsilon"]) { $0["llama.attention.layer_norm_rms_epsilon"] = nil },
        Case("epsilon NaN", ["epsilon"]) { $0["llama.attention.layer_norm_rms_epsilon"] = .float32(.nan) },
        Case("freq_base infinite", ["rope_theta"]) { $0["llama.rope.freq_base"] = .float32(.infinity) },
        Case("rotary size of its own", ["rope.dimension_count"], code: .unsupported) {
            $0["llama.rope.dimension_count"] = .uint32(2)
        },
        Case("LongRoPE", ["rope.scaling.type", "longrope"], code: .unsupported) {
            $0["llama.rope.scaling.type"] = .string("longrope")
        },
        Case("experts", ["llama.expert_count"], code: .unsupported) { $0["llama.expert_count"] = .uint32(8) },
        Case("embedding_length wrong", ["token_embd.weight", "[12, 16]", "[12, 8]", "hidden_size 16"]) {
            $0["llama.embedding_length"] = .uint32(16)
        },
        Case("tensor missing", ["blk.1.ffn_up.weight"]) { $0.tensors.removeAll { $0.name == "blk.1.ffn_up.weight" } },
        Case("embedding missing", ["token_embd.weight"]) { $0.tensors.removeAll { $0.name == "token_embd.weight" } },
        Case("norm the architecture lacks", ["blk.0.attn_q_norm.weight"], code: .unsupported) {
            $0.tensors.append(
                .init(name: "blk.0.attn_q_norm.weight", dimensions: [8], data: [UInt8](repeating: 0, count: 32)))
        },
        Case("encoding that is only known by name", ["IQ2_XXS", "token_embd.weight"], code: .unsupported) {
            $0.edit("token_embd.weight") {
                $0.dimensions = [256, 12]
                $0.type = 16
                $0.data = [UInt8](repeating: 0, count: 66 * 12)
            }
            $0["llama.embedding_length"] = .uint32(256)
            $0.tensors = [$0.tensors[0]]
        },
        Case("tokens missing a score", ["tokenizer.ggml.scores", "12", "11"]) {
            $0["tokenizer.ggml.scores"] = .floats([Float](repeating: 0, count: 11))
        },
        Case("types too many", ["tokenizer.ggml.token_type", "13"]) {
            $0["tokenizer.ggml.token_type"] = .int32s([Int32](repeating: 1, count: 13))
        },
        Case("scores as text", ["tokenizer.ggml.scores"]) { $0["tokenizer.ggml.scores"] = .strings(["a"]) },
        Case("tokens as number", ["tokenizer.ggml.tokens"]) { $0["tokenizer.ggml.tokens"] = .uint8(1) },
        Case("more tokens than rows", ["tokenizer.ggml.tokens", "13"]) {
            $0["tokenizer.ggml.tokens"] = .strings([String](repeating: "t", count: 13))
        },
        Case("bos outside", ["bos_token_id", "12"]) { $0["tokenizer.ggml.bos_token_id"] = .uint32(12) },
        Case("eos outside", ["eos_token_id", "4294967295"]) { $0["tokenizer.ggml.eos_token_id"] = .uint32(.max) },
        Case("eot as text", ["eot_token_id"]) { $0["tokenizer.ggml.eot_token_id"] = .string("2") },
        Case("template of 2 MB", ["tokenizer.chat_template", "2.0 MB"]) {
            $0["tokenizer.chat_template"] = .string(String(repeating: "x", count: 2_000_000))
        },
        Case("template as number", ["tokenizer.chat_template"]) { $0["tokenizer.chat_template"] = .uint8(1) },
        Case("part of a split model", ["split.count", "3"], code: .unsupported) { $0["split.count"] = .uint32(3) },
    ]

    @Test(arguments: metadata) func metadataIsChecked(_ example: Case) throws {
        let directory = try ScratchDirectory()
        let path = try directory.write(example.bytes, to: "model.gguf")
        expectFailure(example.code, ["model.gguf"] + example.fragments, "\(example.name)") {
            _ = try Checkpoint.open(path)
        }
    }

    @Test func truncationAnywhereIsRefused() throws {
        let directory = try ScratchDirectory()
        let whole = GGUFBuilder.tiny().bytes()
        // The last tensor fills its padding, so the file's end is needed.
        for count in stride(from: 0, to: whole.count, by: 97) {
            let path = try directory.write(Array(whole[0..<count]), to: "model.gguf")
            expectFailure(.badData, ["model.gguf"], "\(count) bytes") { _ = try Checkpoint.open(path) }
        }
    }

    @Test func noFlippedByteOfTheHeaderCrashes() throws {
        let directory = try ScratchDirectory()
        let whole = GGUFBuilder.tiny().bytes()
        var refused = 0
        for position in stride(from: 0, to: min(whole.count, 2400), by: 3) {
            var damaged = whole
            damaged[position] ^= UInt8(1 << (position % 8))
            let path = try directory.write(damaged, to: "model.gguf")
            do { _ = try Checkpoint.open(path) } catch { refused += 1 }
        }
        #expect(refused > 100)
    }
}
