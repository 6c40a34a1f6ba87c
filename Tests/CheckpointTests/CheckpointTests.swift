import Checkpoint
import Foundation
import Model
import Storage
import Testing

@Suite struct CheckpointTests {
    private let directory: ScratchDirectory
    private let model = TinyModel()

    init() throws {
        directory = try ScratchDirectory()
        try model.write(to: directory)
    }

    @Test(arguments: ["F32", "F16", "BF16"]) func everyFloatTypeReadsExactly(_ dtype: String) throws {
        var model = model
        for index in model.tensors.indices { model.tensors[index].dtype = dtype }
        try model.write(to: directory)
        let checkpoint = try Checkpoint.open(directory.path)
        for tensor in model.tensors {
            #expect(try checkpoint.read(tensor.name) == tensor.values)
            if tensor.shape.count == 2 {
                let columns = tensor.shape[1]
                #expect(try checkpoint.read(tensor.name, rows: 1..<3) == Array(tensor.values[columns..<3 * columns]))
            }
        }
        let entry = try #require(checkpoint.tensors.first)
        #expect(entry.name == TensorName.embedding && entry.dtype == dtype && entry.shape == [12, 8])
        #expect(entry.byteCount == 96 * (dtype == "F32" ? 4 : 2))
    }

    @Test func unknownTensorIsAnError() throws {
        let checkpoint = try Checkpoint.open(directory.path)
        expectFailure(.noInput, ["model.layers.9"]) { _ = try checkpoint.read("model.layers.9") }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func nonFiniteWeightsAreNamed(_ value: Float) throws {
        for dtype in ["F32", "F16", "BF16"] {
            var model = model
            for index in model.tensors.indices where model.tensors[index].name.hasSuffix("1.mlp.up_proj.weight") {
                model.tensors[index].dtype = dtype
                model.tensors[index].values[19] = value
            }
            try model.write(to: directory)
            let checkpoint = try Checkpoint.open(directory.path)
            let name = TensorName.weight(.up, layer: 1)
            expectFailure(.badData, [name, "[2, 3]", value.isNaN ? "NaN" : "infinity"]) {
                _ = try checkpoint.read(name)
            }
            expectFailure(.badData, ["[2, 3]"]) { _ = try checkpoint.read(name, rows: 2..<4) }
            #expect(try checkpoint.read(name, rows: 3..<4).count == 8)
            let tolerant = try Checkpoint.open(directory.path, options: .init(allowNonfinite: true))
            #expect(try tolerant.read(name)[19] == 0)
        }
    }

    @Test func fileWrittenToInTheMeantimeIsNoticed() throws {
        let checkpoint = try Checkpoint.open(directory.path)
        _ = try checkpoint.read(TensorName.finalNorm)
        let handle = try #require(FileHandle(forWritingAtPath: directory.path + "/model.safetensors"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([0]))
        try handle.close()
        expectFailure(.inputOutput, ["model.safetensors", "changed"]) { _ = try checkpoint.read(TensorName.finalNorm) }
    }

    @Test func replacedFileIsReadAsItWas() throws {
        let checkpoint = try Checkpoint.open(directory.path)
        try directory.remove("model.safetensors")
        try directory.write("something else", to: "model.safetensors")
        #expect(try checkpoint.read(TensorName.finalNorm) == model[TensorName.finalNorm]?.values)
    }

    @Test func metadataTellsWhatThereIs() throws {
        let metadata = try Checkpoint.open(directory.path).metadata
        #expect(metadata["format"]?.string == "safetensors")
        #expect(metadata["model_type"]?.string == "llama")
        #expect(metadata["parameters"]?.integer == model.tensors.reduce(0) { $0 + $1.values.count })
        #expect(metadata["dtypes"]?["F32"]?["tensors"]?.integer == model.tensors.count)
        #expect(metadata["files"]?.array?.first?["name"]?.string == "model.safetensors")
        #expect(metadata["safetensors"]?["format"]?.string == "pt")
    }

    @Test func formatsAreToldApart() throws {
        #expect(try CheckpointFormat.detect(directory.path) == .safetensors)
        #expect(try CheckpointFormat.detect(directory.path + "/model.safetensors") == .safetensors)
        // By contents, whatever the name.
        let gguf = try directory.write(GGUFBuilder.tiny().bytes(), to: "weights.bin")
        #expect(try CheckpointFormat.detect(gguf) == .gguf)
        let renamed = try directory.write(Safetensors.file(model.tensors), to: "weights")
        #expect(try CheckpointFormat.detect(renamed) == .safetensors)
        let bundle = try directory.write("TAPERBND\u{1}", to: "m.taper")
        #expect(try CheckpointFormat.detect(bundle) == .bundle)
        expectFailure(.usage, ["m.taper", "bundle"]) { _ = try Checkpoint.open(bundle) }
        let text = try directory.write("hello", to: "notes.txt")
        #expect(try CheckpointFormat.detect(text) == .unknown)
        expectFailure(.badData, ["notes.txt", "no checkpoint"]) { _ = try Checkpoint.open(text) }
        let empty = try ScratchDirectory()
        #expect(try CheckpointFormat.detect(empty.path) == .unknown)
        expectFailure(.badData, ["config.json"]) { _ = try Checkpoint.open(empty.path) }
        expectFailure(.noInput) { _ = try CheckpointFormat.detect(empty.path + "/none") }
    }

    @Test func listingWorksForModelsThatCannotRun() throws {
        var other = model
        other.config["model_type"] = .string("gpt9")
        other.config["architectures"] = .array([.string("GPT9LMHeadModel")])
        try other.write(to: directory)
        expectFailure(.unsupported) { _ = try Checkpoint.open(directory.path) }
        let listing = try CheckpointListing.read(directory.path)
        #expect(listing.architecture == "gpt9" && listing.format == .safetensors)
        #expect(listing.tensors.map { $0.name } == model.tensors.map { $0.name })

        var builder = GGUFBuilder.tiny()
        builder["general.architecture"] = .string("mamba")
        builder.edit("token_embd.weight") {
            $0.dimensions = [256, 2]
            $0.type = 14
            $0.data = [UInt8](repeating: 0, count: 420)
        }
        let gguf = try CheckpointListing.read(try directory.write(builder.bytes(), to: "m.gguf"))
        #expect(gguf.architecture == "mamba" && gguf.format == .gguf)
        #expect(gguf.tensors.first?.shape == [2, 256] && gguf.tensors.first?.dtype == "Q6_K")
        #expect(gguf.metadata["gguf"]?["general.name"]?.string == "tiny")
        #expect(gguf.metadata["gguf"]?["tokenizer.ggml.tokens"]?.string == "12 x string")
    }

    @Test func safetensorsFileStandsForItsDirectory() throws {
        try directory.write(Safetensors.file(model.tensors), to: "other.safetensors")
        let checkpoint = try Checkpoint.open(directory.path + "/other.safetensors")
        #expect(checkpoint.tensors.allSatisfy { $0.file == "other.safetensors" })
        let alone = try ScratchDirectory()
        let path = try alone.write(Safetensors.file(model.tensors), to: "model.safetensors")
        #expect(try CheckpointListing.read(path).tensors.count == model.tensors.count)
        expectFailure(.badData, ["no config.json"]) { _ = try Checkpoint.open(path) }
    }
}

/// Checkpoints that the transformers library wrote.
@Suite struct TransformersCheckpointTests {
    private static func folder(_ name: String) -> String {
        #filePath.replacingOccurrences(of: "/CheckpointTests/CheckpointTests.swift", with: "/Oracles/" + name)
    }
    static let names = ["llama-gqa-tied", "llama-mha-untied", "mistral", "phi", "qwen2", "stablelm"]

    @Test(arguments: names) func opensAndReads(_ name: String) throws {
        let checkpoint = try Checkpoint.open(TransformersCheckpointTests.folder(name))
        #expect(checkpoint.warnings.isEmpty)
        var count = 0
        for entry in checkpoint.tensors { count += try checkpoint.read(entry.name).count }
        #expect(count == checkpoint.metadata["parameters"]?.integer)
        if name == "llama-mha-untied" { #expect(Set(checkpoint.tensors.map { $0.file }).count == 9) }
    }
}
