import Checkpoint
import Storage
import Testing

/// What headers may describe, whatever their format.
@Suite struct HeaderMemoryTests {
    @Test func aGGUFFileOfVeryManyKeysIsRefused() throws {
        let directory = try ScratchDirectory()
        var file = ByteWriter()
        file.string("GGUF")
        file.u32(3)
        file.u64(0)
        file.u64(140_000)
        // With long keys fewer have room than the count alone would allow.
        for key in 0..<140_000 {
            let name = String(repeating: "k", count: 100) + String(key)
            file.u64(UInt64(name.utf8.count))
            file.string(name)
            file.u32(0)
            file.u8(1)
        }
        let path = try directory.write(file.bytes, to: "keys.gguf")
        expectFailure(.badData, ["keys.gguf", "too many tensors or other entries"]) { _ = try Checkpoint.open(path) }
    }

    @Test func aShardIndexOfVeryManyTensorsIsRefused() throws {
        let directory = try ScratchDirectory()
        let entries = (0..<140_000).map { "\"\($0)\":\"model-00001-of-00001.safetensors\"" }.joined(separator: ",")
        _ = try directory.write("{\"weight_map\":{" + entries + "}}", to: "model.safetensors.index.json")
        _ = try directory.write(
            try Files.read(Cases.path("../../samples/tiny/config.json"), limit: 1 << 20),
            to: "config.json")
        expectFailure(.badData, ["index.json", "too many tensors or other entries"]) {
            _ = try Checkpoint.open(directory.path)
        }
    }
}
