import Bundle
import Checkpoint
import Foundation
import Model
import Pipeline
import Quantization
import Storage
import Testing

/// What the store holds is used again only when it is what this conversion would make.
@Suite struct IntermediateResultsTests {
    private let folder: String
    private static let samples = ConverterTests.root + "/samples/"

    init() throws {
        folder = NSTemporaryDirectory() + "taper-intermediate-" + UUID().uuidString
        try Files.createDirectory(folder)
    }

    private func bytes(_ name: String) throws -> [UInt8] { try Files.read(folder + "/" + name, limit: 1 << 26) }

    private func converter(_ recipe: Recipe, _ input: String, _ output: String, work: String) throws -> Converter {
        try Converter(
            input: input, output: folder + "/" + output, recipe: recipe,
            options: .init(
                threads: 1, workFolder: folder + "/" + work, restart: false, force: true, allowNonfinite: false),
            progress: Progress(.quiet))
    }

    /// Two folders whose weight files have equal names, sizes, headers and times: containers with normalised times,
    /// `tar --mtime`, `cp -p`, `rsync -t`.
    @Test func weightsOfAnotherModelAreNotUsed() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var offset = 0
        for name in ["one", "two"] {
            try Files.createDirectory(folder + "/" + name)
            for file in ["config.json", "tokenizer.json", "model.safetensors"] {
                var content = try Files.read(Self.samples + "tiny/" + file, limit: 1 << 26)
                if name == "two", file == "model.safetensors" {
                    // The sign of every weight of one tensor, in bfloat16.
                    let length = Int(content.withUnsafeBytes { UInt64(littleEndian: $0.load(as: UInt64.self)) })
                    let header = try JSONValue.parse(Array(content[8..<8 + length]), place: "header")
                    let range = try #require(header["model.layers.0.mlp.up_proj.weight"]?["data_offsets"]?.array)
                    let (start, end) = (try #require(range[0].integer), try #require(range[1].integer))
                    offset = 8 + length
                    for index in stride(from: offset + start + 1, to: offset + end, by: 2) { content[index] ^= 0x80 }
                }
                let path = folder + "/" + name + "/" + file
                try AtomicFile.write(content, to: path, replacing: false)
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
            }
        }
        #expect(offset > 8)
        var recipe = Recipe()
        recipe.effort = .fast
        recipe.precisions = [4]
        recipe.seedBits = 4
        let first = try converter(recipe, folder + "/one", "one.taper", work: "w").run()
        let second = try converter(recipe, folder + "/two", "two.taper", work: "w").run()
        _ = try converter(recipe, folder + "/two", "right.taper", work: "empty").run()
        #expect(try bytes("two.taper") == bytes("right.taper"))
        #expect(try bytes("two.taper") != bytes("one.taper"))
        // All but the tensor that differs.
        #expect(second.reusedCount == first.madeCount - 1 && second.madeCount == 1)
    }

    /// The same bytes are JSON Lines under one name and plain text under another.
    @Test func textReadAnotherWayIsNotUsed() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = String(
            decoding: try Files.read(Self.samples + "tiny/calibration.txt", limit: 1 << 20), as: UTF8.self)
        var lines = ""
        for line in text.prefix(20000).split(separator: "\n") {
            lines += JSONValue.object([.init("text", .string(String(line)))]).text() + "\n"
        }
        for name in ["a.jsonl", "a.json"] {
            try AtomicFile.write(Array(lines.utf8), to: folder + "/" + name, replacing: false)
        }
        func convert(_ text: String, _ output: String, work: String) throws -> ConversionReport {
            var recipe = Recipe()
            recipe.effort = .fast
            recipe.precisions = [3, 4]
            recipe.calibrationText = .file(folder + "/" + text)
            return try converter(recipe, Self.samples + "tiny", output, work: work).run()
        }
        _ = try convert("a.json", "fresh.taper", work: "w1")
        _ = try convert("a.jsonl", "first.taper", work: "w2")
        let second = try convert("a.json", "second.taper", work: "w2")
        #expect(try bytes("second.taper") == bytes("fresh.taper"))
        #expect(try bytes("second.taper") != bytes("first.taper"))
        #expect(second.madeCount > 20)
    }

    /// Every stage that stores something, on little text.
    private func recipe() throws -> Recipe {
        var recipe = try Recipe(path: ConverterTests.root + "/pipelines/tiny.json")
        recipe.precisions = [2, 3]
        recipe.seedBits = 2
        recipe.embeddingPrecisions = [5]
        recipe.calibrationSequences = 2
        recipe.calibrationLength = 64
        recipe.generatedSequences = 1
        recipe.tuning = [TuningPlan(bits: 2, steps: 2, rate: 0.004)]
        recipe.rungs = [Precision(hundredths: 250)]
        recipe.tasks[0].examples = 1
        recipe.tasks[0].maxNewTokens = 4
        recipe.quality?.windows = 1
        recipe.quality?.window = 64
        return recipe
    }

    @Test func anyDamageOfAnyIntermediateResultIsMendedByMakingItAgain() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let recipe = try recipe()
        let first = try converter(recipe, Self.samples + "tiny", "right.taper", work: "w").run()
        let work = folder + "/w"
        let names = try Files.list(work)
        let kinds = Set(names.map { $0.split(separator: "-").dropLast().joined(separator: "-") })
        #expect(
            kinds == [
                "range", "own-text", "arrange", "guide", "quantize-jointly", "quantize", "tune", "screen", "rungs",
                "calibrate", "quality",
            ])
        for damage in Damage.allCases {
            // Contents of others only together with all of a kind would be found by their checksums one after the other.
            for name in names { try damage.apply(to: work + "/" + name) }
            let report = try converter(recipe, Self.samples + "tiny", "mended.taper", work: "w").run()
            #expect(try bytes("mended.taper") == bytes("right.taper"), "\(damage)")
            #expect(report.madeCount > 0, "\(damage)")
            let again = try converter(recipe, Self.samples + "tiny", "again.taper", work: "w").run()
            #expect(again.madeCount == 0 && again.reusedCount == first.madeCount, "\(damage)")
        }
        // One kind at a time: the others are there.
        for kind in kinds.sorted() {
            for name in names where name.hasPrefix(kind + "-") && name.count == kind.count + 33 {
                try Damage.flippedMiddle.apply(to: work + "/" + name)
            }
            _ = try converter(recipe, Self.samples + "tiny", "mended.taper", work: "w").run()
            #expect(try bytes("mended.taper") == bytes("right.taper"), "\(kind)")
        }
    }

    @Test func aSnapshotOfTuningThatMakesNoSenseIsLeft() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let recipe = try recipe()
        _ = try converter(recipe, Self.samples + "tiny", "right.taper", work: "w").run()
        let graph = try converter(recipe, Self.samples + "tiny", "x.taper", work: "w").graph()
        let key = try #require(graph.stages.first { $0.kind == .tune }).key
        var other = ByteWriter()
        // Plan 0, step 1, one array of one number: whole, but of other layers.
        for value: UInt64 in [0, 1, 1, 1] { other.u64(value) }
        other.f32(1)
        for content in [[1, 2, 3], other.bytes] {
            try? FileManager.default.removeItem(atPath: folder + "/w2")
            let work = ArtifactStore(path: folder + "/w2")
            try Files.createDirectory(work.path)
            try work.store(content, "tune-state", key)
            _ = try converter(recipe, Self.samples + "tiny", "second.taper", work: "w2").run()
            #expect(try bytes("second.taper") == bytes("right.taper"))
            #expect(!Files.exists(work.filePath("tune-state", key)))
        }
    }
}
