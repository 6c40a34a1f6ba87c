import Checkpoint
import Foundation
import Storage
import Testing

/// Directories whose parts contradict each other.
@Suite struct ShardIndexTests {
    private let directory: ScratchDirectory
    private let model = TinyModel()
    private let index = "model.safetensors.index.json"

    init() throws {
        directory = try ScratchDirectory()
        try model.write(to: directory, shards: 3)
    }

    private func edit(_ change: (inout [String: String], inout JSONValue?) -> Void) throws {
        let json = try JSONValue.parse(
            Array(try Data(contentsOf: URL(fileURLWithPath: directory.path + "/" + index))), place: index)
        var map: [String: String] = [:]
        for member in json["weight_map"]?.members ?? [] { map[member.key] = member.value.string }
        var metadata = json["metadata"]
        change(&map, &metadata)
        let sorted = map.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        try directory.write(
            .object([.init("metadata", metadata ?? .null), .init("weight_map", .object(sorted))]), to: index)
    }

    @Test func shardsReadAsOneModel() throws {
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.isEmpty)
        #expect(checkpoint.tensors.map { $0.name } == model.tensors.map { $0.name })
        for tensor in model.tensors { #expect(try checkpoint.read(tensor.name) == tensor.values) }
        // A shard or the index stands for its directory.
        for name in [index, TinyModel.shardName(2, of: 3)] {
            #expect(try Checkpoint.open(directory.path + "/" + name).tensors.count == model.tensors.count)
        }
    }

    @Test func missingShardIsNamed() throws {
        try directory.remove(TinyModel.shardName(2, of: 3))
        expectFailure(.badData, [index, "model-00002-of-00003.safetensors", "3 files"]) {
            _ = try Checkpoint.open(directory.path)
        }
    }

    @Test func shardOutsideTheIndexIsReported() throws {
        try directory.write(Safetensors.file([.init(name: "x", shape: [1], values: [1])]), to: "other.safetensors")
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.contains { $0.contains("other.safetensors") })
    }

    @Test func tensorThatItsShardDoesNotHoldIsNamed() throws {
        try edit { map, _ in map["model.extra.weight"] = TinyModel.shardName(1, of: 3) }
        expectFailure(.badData, [index, "model.extra.weight"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test func tensorInTwoShardsIsNamed() throws {
        let first = model.tensors.enumerated().filter { $0.offset % 3 == 0 }.map { $0.element }
        try directory.write(Safetensors.file(first + [model.tensors[1]]), to: TinyModel.shardName(1, of: 3))
        expectFailure(.badData, ["two shards", model.tensors[1].name]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test(arguments: [
        "../../etc/passwd", "/etc/passwd", "..", "", "a/b.safetensors", "a\\b.safetensors", "a\u{0}.safetensors",
        "a\n.safetensors",
    ])
    func pathsAsShardNamesAreRefused(_ name: String) throws {
        try edit { map, _ in map["model.norm.weight"] = name }
        expectFailure(.badData, [index, "model.norm.weight", "file name"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"weight_map\":{}}", "{\"weight_map\":[]}", "{\"weight_map\":{\"a\":1}}",
        "{\"weight_map\":{\"a\":\"b\",\"a\":\"b\"}}", "{\"weight_map\":{},\"weight_map\":{}}", "{\"weight_map\":{\"a\"",
        "version https://git-lfs.github.com/spec/v1\n", "<html>",
    ])
    func malformedIndexIsRefused(_ text: String) throws {
        try directory.write(text, to: index)
        expectFailure(.badData, [index], "\(text)") { _ = try Checkpoint.open(directory.path) }
    }

    @Test func wrongTotalSizeIsReported() throws {
        try edit { _, metadata in metadata = .object([.init("total_size", .integer(7))]) }
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.contains { $0.contains("total_size") && $0.contains("7 bytes") })
    }

    @Test func staleIndexIsRefused() throws {
        try edit { map, _ in
            map["model.norm.weight"] =
                map["model.norm.weight"] == TinyModel.shardName(1, of: 3)
                ? TinyModel.shardName(2, of: 3) : TinyModel.shardName(1, of: 3)
        }
        expectFailure(.badData, [index, "stale", "model.norm.weight"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test func tensorMissingFromTheIndexIsReportedAndRead() throws {
        try edit { map, _ in map["model.norm.weight"] = nil }
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.contains { $0.contains("1 tensors") && $0.contains("not in the index") })
    }

    @Test func singleFileCountsBeforeTheIndex() throws {
        try model.write(to: directory)
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.tensors.allSatisfy { $0.file == "model.safetensors" })
        #expect(checkpoint.warnings.contains { $0.contains("model.safetensors is used") })
    }

    @Test func shardNamesAreFree() throws {
        for shard in 1...3 {
            let name = TinyModel.shardName(shard, of: 3)
            try FileManager.default.moveItem(
                atPath: directory.path + "/" + name, toPath: directory.path + "/part \(shard).safetensors")
        }
        try edit { map, _ in
            for (key, value) in map {
                for shard in 1...3 where value == TinyModel.shardName(shard, of: 3) {
                    map[key] = "part \(shard).safetensors"
                }
            }
        }
        #expect(try Checkpoint.open(directory.path).warnings.isEmpty)
    }

    @Test func numberedShardsNeedNoIndex() throws {
        try directory.remove(index)
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.tensors.count == model.tensors.count)
        #expect(checkpoint.warnings.contains { $0.contains("no model.safetensors.index.json") })
        try directory.remove(TinyModel.shardName(3, of: 3))
        expectFailure(.badData, ["shards are missing"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test func picklesAreExplained() throws {
        for shard in 1...3 { try directory.remove(TinyModel.shardName(shard, of: 3)) }
        try directory.remove(index)
        expectFailure(.badData, ["no usable safetensors"]) { _ = try Checkpoint.open(directory.path) }
        try directory.write([0x80, 2, 0x2e], to: "pytorch_model.bin")
        expectFailure(.unsupported, ["pytorch_model.bin", "pickle"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test func truncatedShardIsFoundOnOpening() throws {
        let name = TinyModel.shardName(3, of: 3)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: directory.path + "/" + name)))
        try directory.write(Array(bytes.dropLast(1)), to: name)
        expectFailure(.badData, [name, "truncated"]) { _ = try Checkpoint.open(directory.path) }
    }
}
