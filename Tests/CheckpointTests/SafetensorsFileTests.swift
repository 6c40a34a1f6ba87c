import Checkpoint
import Foundation
import Storage
import Testing

/// The reject rules of the safetensors format, one file of each kind.
@Suite struct SafetensorsFileTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        var code = TaperError.Code.badData
        let fragments: [String]
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ fragments: [String], code: TaperError.Code = .badData) {
            self.name = name
            self.bytes = bytes
            self.fragments = fragments
            self.code = code
        }
    }

    private static func length(_ value: UInt64, _ rest: String = "{}") -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(value)
        writer.string(rest)
        return writer.bytes
    }
    private static func one(_ entry: String, data: Int = 4) -> [UInt8] {
        Safetensors.file(header: "{\"a\":" + entry + "}", data: [UInt8](repeating: 0, count: data))
    }
    private static func two(_ first: String, _ second: String, data: Int) -> [UInt8] {
        Safetensors.file(
            header: "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + first
                + "},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + second + "}}",
            data: [UInt8](repeating: 0, count: data))
    }
    private static func shaped(_ shape: String, offsets: String = "[0,4]", dtype: String = "F32") -> [UInt8] {
        one("{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}")
    }
    private static let empty = "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
    private static let scalar = "{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}"

    static let rejected: [Case] = [
        Case("empty file", [], ["empty file"]),
        Case("one byte", [1], ["1 bytes"]),
        Case("seven bytes", [1, 0, 0, 0, 0, 0, 0], ["7 bytes"]),
        Case("header length 0", length(0, ""), ["header length"]),
        Case("header length 2^64 - 1", length(.max), ["18446744073709551615"]),
        Case("header length 2^63", length(1 << 63), ["9223372036854775808"]),
        Case("header longer than the file", length(3000), ["3000 bytes", "truncated"]),
        Case("header length above the cap", length(100_000_001), ["100000001"]),
        Case("header of spaces", Safetensors.file(header: String(repeating: " ", count: 1000) + "{}"), ["'{'"]),
        Case(
            "header not UTF-8", Safetensors.file(header: [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), ["UTF-8"]),
        Case("byte order mark", Safetensors.file(header: [0xef, 0xbb, 0xbf, 0x7b, 0x7d]), ["0xef"]),
        Case("text after the header", Safetensors.file(header: "{} x"), ["after the JSON"]),
        Case("header cut inside", Safetensors.file(header: "{\"a\":{\"dtype\":"), ["JSON"]),
        Case("no comma", Safetensors.file(header: "{\"a\":" + empty + "\"b\":" + empty + "}"), ["comma"]),
        Case(
            "duplicate tensor", Safetensors.file(header: "{\"a\":" + empty + ",\"\\u0061\":" + empty + "}"),
            ["'a'", "twice"]),
        Case("duplicate metadata", Safetensors.file(header: "{\"__metadata__\":{},\"__metadata__\":{}}"), ["twice"]),
        Case(
            "duplicate metadata key", Safetensors.file(header: "{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}"), ["twice"]),
        Case("metadata number", Safetensors.file(header: "{\"__metadata__\":{\"k\":1}}"), ["__metadata__", "'k'"]),
        Case("metadata array", Safetensors.file(header: "{\"__metadata__\":[]}"), ["__metadata__"]),
        Case("begin after end", shaped("[1]", offsets: "[4,0]"), ["'a'", "data_offsets", "[4, 0]"]),
        Case("end behind the file", shaped("[2]", offsets: "[0,8]"), ["'a'", "data_offsets", "truncated"]),
        Case("three offsets", shaped("[1]", offsets: "[0,4,4]"), ["data_offsets"]),
        Case("overlapping tensors", two("[0,4]", "[2,6]", data: 6), ["'b'", "overlaps"]),
        Case("same place twice", two("[0,4]", "[0,4]", data: 4), ["'b'", "overlaps"]),
        Case("hole", two("[0,4]", "[8,12]", data: 12), ["'b'", "unused"]),
        Case("hole at the start", two("[4,8]", "[8,12]", data: 12), ["'a'", "unused"]),
        Case("trailing bytes", one(scalar, data: 9), ["after the last tensor"]),
        Case("shape overflows", shaped("[4294967296,4294967296]"), ["overflows"]),
        Case("size overflows", shaped("[4611686018427387904]"), ["overflows"]),
        Case("shape and offsets disagree", shaped("[2]"), ["8 bytes", "4 bytes"]),
        Case("negative dimension", shaped("[-1]"), ["shape", "-1"]),
        Case("float dimension", shaped("[1.0]"), ["shape"]),
        Case("exponent dimension", shaped("[1e0]"), ["shape"]),
        Case("string dimension", shaped("[\"1\"]"), ["shape", "\"1\""]),
        Case("dimension 2^64", shaped("[18446744073709551616]"), ["shape"]),
        Case("shape missing", one("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), ["'a'", "shape", "nothing"]),
        Case("dtype missing", one("{\"shape\":[1],\"data_offsets\":[0,4]}"), ["'a'", "dtype"]),
        Case("entry is no object", one("[]"), ["'a'", "byte 13", "not a JSON object"]),
        Case(
            "duplicate dtype", one("{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}"),
            ["twice"]),
        Case("unknown dtype", shaped("[1]", dtype: "F5\\u001b[31m"), ["'a'", "dtype", "F5"], code: .unsupported),
        Case("half a byte of F4", shaped("[3]", dtype: "F4"), ["F4"]),
        Case("rank 9", shaped("[1,1,1,1,1,1,1,1,1]"), ["dimensions", "9"]),
        Case(
            "name of 1 MB", Safetensors.file(header: "{\"" + String(repeating: "a", count: 1 << 20) + "\":{}}"),
            ["too long"]),
        Case("name with newline", Safetensors.file(header: "{\"a\\nb\":" + scalar + "}"), ["control", "a\\u{a}b"]),
        Case("name with NUL", Safetensors.file(header: "{\"a\\u0000b\":" + scalar + "}"), ["control"]),
        Case("name with escape", Safetensors.file(header: "{\"\\u001b[31m\":" + scalar + "}"), ["control"]),
        Case("raw control character in name", Safetensors.file(header: "{\"a\u{1}b\":" + scalar + "}"), ["byte 9"]),
        Case(
            "nested 100000 deep",
            Safetensors.file(
                header: "{\"a\":" + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
                    + "}"),
            ["'a'", "too long"]),
        Case(
            "nested 1000 deep",
            Safetensors.file(
                header: "{\"a\":{\"x\":" + String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000)
                    + "}}"),
            ["'a'", "nesting"]),
        Case(
            "LFS pointer",
            Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".utf8), ["git lfs pull"]),
        Case("HTML page", Array("\n<!DOCTYPE html><html><body>404</body></html>".utf8), ["web page"]),
        Case("XML page", Array("<?xml version=\"1.0\"?><Error/>".utf8), ["web page"]),
        Case("zip archive", [0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 60), ["zip", "pickle"]),
        Case("pickle", [0x80, 2, 0x7d, 0x71, 0, 0x58, 1, 1, 0, 0x61, 0x2e], ["pickle"]),
        Case("GGUF file", Array("GGUF".utf8) + [3, 0, 0, 0], ["GGUF"]),
    ]

    @Test(arguments: rejected) func isRefused(_ example: Case) throws {
        let directory = try ScratchDirectory()
        // By its name, whatever the bytes: `model.safetensors` beside a config.
        try directory.write(TinyModel().configJSON, to: "config.json")
        try directory.write(example.bytes, to: "model.safetensors")
        expectFailure(example.code, ["model.safetensors"] + example.fragments, "\(example.name)") {
            _ = try Checkpoint.open(directory.path)
        }
        expectFailure(example.code, [], "\(example.name)") { _ = try CheckpointListing.read(directory.path) }
    }

    @Test func truncationAnywhereIsRefused() throws {
        let directory = try ScratchDirectory()
        let model = TinyModel()
        try model.write(to: directory)
        let whole = Safetensors.file(model.tensors)
        for sixteenth in 0..<16 {
            try directory.write(Array(whole[0..<whole.count * sixteenth / 16]), to: "model.safetensors")
            expectFailure(.badData, ["model.safetensors"], "\(sixteenth)/16") {
                _ = try Checkpoint.open(directory.path)
            }
        }
    }

    @Test func headerOfHundredMegabytesOfSpacesIsRefusedAtOnce() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/model.safetensors"
        var writer = ByteWriter()
        writer.u64(100_000_000)
        try directory.write(writer.bytes, to: "model.safetensors")
        // Sparse: the bytes read as zeros, not as '{', and only the first is looked at.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 100_000_008)
        try handle.close()
        expectFailure(.badData, ["'{'"]) { _ = try CheckpointListing.read(directory.path) }
    }

    @Test func scalarsAndEmptyTensorsAreAccepted() throws {
        let directory = try ScratchDirectory()
        let header =
            "{\"s\":" + SafetensorsFileTests.scalar
            + ",\"e\":{\"dtype\":\"BF16\",\"shape\":[3,0,5],\"data_offsets\":[4,4]}"
            + ",\"f\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}}   "
        let path = try directory.write(Safetensors.file(header: header, data: [0, 0, 0, 0]), to: "x.safetensors")
        let listing = try CheckpointListing.read(path)
        #expect(listing.tensors.map { $0.name } == ["f", "s", "e"])
        #expect(listing.tensors.map { $0.shape } == [[0], [], [3, 0, 5]])
        #expect(listing.tensors.map { $0.dtype } == ["F16", "F32", "BF16"])
        #expect(listing.tensors.map { $0.byteCount } == [0, 4, 0])
    }

    @Test func namesThatLookLikePathsAreOnlyNames() throws {
        let directory = try ScratchDirectory()
        var model = TinyModel()
        model.tensors.append(.init(name: "../../etc/passwd", shape: [1], values: [1]))
        try model.write(to: directory)
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.contains { $0.contains("../../etc/passwd") && $0.contains("ignored") })
    }

    @Test func manyTensorsTakeLinearTime() throws {
        let directory = try ScratchDirectory()
        var header = "{\"__metadata__\":{}"
        for index in 0..<20_000 {
            header += ",\"t" + String(index) + "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
        }
        let path = try directory.write(Safetensors.file(header: header + "}"), to: "x.safetensors")
        #expect(try CheckpointListing.read(path).tensors.count == 20_000)
    }

    @Test func dtypesThatCannotBeReadAreNamedWhereNeeded() throws {
        let directory = try ScratchDirectory()
        let model = TinyModel()
        try directory.write(model.configJSON, to: "config.json")
        var members: [JSONValue.Member] = []
        var data: [UInt8] = []
        for tensor in model.tensors {
            let isFloat8 = tensor.name.hasSuffix("q_proj.weight")
            let part = isFloat8 ? [UInt8](repeating: 0, count: tensor.values.count) : Safetensors.bytes(tensor)
            members.append(
                .init(
                    tensor.name,
                    Safetensors.entry(
                        isFloat8 ? "F8_E4M3" : "F32", tensor.shape, data.count, data.count + part.count)))
            data += part
        }
        try directory.write(
            Safetensors.file(header: JSONValue.object(members).text(), data: data), to: "model.safetensors")
        expectFailure(.unsupported, ["F8_E4M3", "model.layers.0.self_attn.q_proj.weight"]) {
            _ = try Checkpoint.open(directory.path)
        }
        #expect(try CheckpointListing.read(directory.path).tensors.contains { $0.dtype == "F8_E4M3" })
    }

    @Test func thingsThatAreNoFilesAreRefused() throws {
        let directory = try ScratchDirectory()
        try directory.write(TinyModel().configJSON, to: "config.json")
        let path = directory.path + "/model.safetensors"
        #expect(mkfifo(path, 0o600) == 0)
        expectFailure(.noInput, ["model.safetensors"], "pipe") { _ = try Checkpoint.open(directory.path) }
        try directory.remove("model.safetensors")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        expectFailure(.noInput, ["model.safetensors"], "directory") { _ = try Checkpoint.open(directory.path) }
        try directory.remove("model.safetensors")
        #expect(symlink(path, path) == 0)
        expectFailure(.noInput, ["model.safetensors"], "link to itself") { _ = try Checkpoint.open(directory.path) }
        expectFailure(.noInput, ["/dev/zero"]) { _ = try Checkpoint.open("/dev/zero") }
        expectFailure(.noInput, ["nowhere"]) { _ = try Checkpoint.open(directory.path + "/nowhere") }
    }
}
