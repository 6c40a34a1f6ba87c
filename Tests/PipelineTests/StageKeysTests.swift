import Scoring
import Calibration
import Checkpoint
import Evaluation
import Foundation
import Model
import Pipeline
import Quantization
import Storage
import Testing

/// Every key of a recipe, every fact of a checkpoint's description and every tensor changes the keys of the stages it has a
/// part in, and of those after them.
@Suite struct StageKeysTests {
    private static let samples = ConverterTests.root + "/samples/"
    private static let all = [
        "import", "own text", "arrange", "guide", "quantize", "tune", "pack", "screen", "rungs", "calibrate", "learned",
        "quality",
    ]
    /// The stages that read calibration text, and all after them.
    private static let afterText = Array(all.dropFirst(2))
    private static let afterCodes = Array(all.dropFirst(4))
    private static let afterPack = Array(all.dropFirst(6))

    /// A recipe in which every stage runs.
    private static func recipe() throws -> Recipe {
        var recipe = try Recipe(path: ConverterTests.root + "/pipelines/tiny.json")
        recipe.precisions = [2, 3, 4]
        recipe.seedBits = 2
        recipe.embeddingPrecisions = [5, 6]
        recipe.calibrationSequences = 4
        recipe.calibrationLength = 64
        recipe.generatedSequences = 2
        recipe.tuning = [TuningPlan(bits: 2, steps: 3, rate: 0.004)]
        recipe.rungs = [Precision(hundredths: 250)]
        recipe.tasks[0].examples = 2
        recipe.learned = .init(
            textPath: samples + "tiny/calibration.txt", precisions: [4, 3], prompts: 10, maxNewTokens: 4,
            tolerance: 0.01)
        return recipe
    }

    private static func keys(_ recipe: Recipe, _ input: String, nonfinite: Bool = false) throws -> [String: String] {
        let graph = try Converter(
            input: input, output: nil, recipe: recipe,
            options: .init(
                threads: 1, workFolder: "/nowhere", restart: false, force: false, allowNonfinite: nonfinite),
            progress: Progress(.quiet)
        ).graph()
        var keys = ["import": try #require(graph.modelKey).text]
        // The keys of all stages of a kind are one; what is kept of the weights' range has a test of its own.
        for (name, stages) in Dictionary(grouping: graph.stages, by: { name(of: $0) }) where name != "range" {
            keys[name] = ContentKey("all", version: 1, ["keys": Set(stages.map(\.key))]).text
        }
        return keys
    }

    /// Both ways to quantize are one here.
    private static func name(of stage: Stage) -> String {
        switch stage.kind {
        case .ownText: "own text"
        case .quantizeJointly: "quantize"
        default: stage.kind.name
        }
    }

    /// A folder of its own with files of the samples.
    private static func folder() throws -> String {
        let folder = NSTemporaryDirectory() + "taper-keys-" + UUID().uuidString
        try FileManager.default.copyItem(atPath: samples + "tiny", toPath: folder)
        return folder
    }

    private func changed(_ one: [String: String], _ other: [String: String]) -> [String] {
        Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
    }

    @Test func everyRecipeKeyChangesTheStagesItHasAPartIn() throws {
        let text = NSTemporaryDirectory() + "taper-keys-" + UUID().uuidString + ".txt"
        let whole = try Files.read(Self.samples + "tiny/calibration.txt", limit: 1 << 20)
        try AtomicFile.write(Array(whole.reversed().map { $0 < 128 ? $0 : 32 }), to: text, replacing: false)
        defer { Files.remove(text) }
        // By stored property of `Recipe`: a change, and the stages whose output it changes.
        let changes: [String: (change: (inout Recipe) -> Void, stages: [String])] = [
            "precisions": ({ $0.precisions = [2, 3, 4, 5] }, Self.afterCodes),
            "rungs": ({ $0.rungs = [Precision(hundredths: 350)] }, Array(Self.all.dropFirst(8))),
            "seedBits": (
                {
                    $0.method = .kMeans; $0.seedBits = 3
                }, ["quantize"]
            ),
            "embeddingPrecisions": ({ $0.embeddingPrecisions = [4, 6] }, Self.afterCodes),
            "method": ({ $0.method = .anyPrecision }, Self.afterCodes + ["guide", "sensitivity"]),
            "effort": ({ $0.effort = .best }, ["tune"] + Self.afterPack),
            "tuning": ({ $0.tuning = [TuningPlan(bits: 2, steps: 3, rate: 0.003)] }, ["tune"] + Self.afterPack),
            "joint": ({ $0.joint.preferences[2] = 5 }, Self.afterCodes),
            "isGuided": ({ $0.isGuided = false }, Self.afterCodes + ["guide"]),
            "calibrationText": ({ $0.calibrationText = .file(text) }, Array(Self.all.dropFirst())),
            "calibrationSequences": ({ $0.calibrationSequences = 5 }, Self.afterText),
            "calibrationLength": ({ $0.calibrationLength = 65 }, Array(Self.all.dropFirst())),
            "generatedSequences": ({ $0.generatedSequences = 3 }, Array(Self.all.dropFirst())),
            "quality": ({ $0.quality?.windows = 3 }, ["quality"]),
            "tasks": ({ $0.tasks[0].tolerance = 0.5 }, ["calibrate", "quality"]),
            "screensHead": ({ $0.screensHead = false }, ["screen", "calibrate", "learned", "quality"]),
            "learned": ({ $0.learned?.tolerance = 0.5 }, ["learned"]),
            // Where it was read from is no part of any output.
            "path": ({ $0.path = "elsewhere.json" }, []),
            // What is left out is no longer in the recipe that is carried out.
            "leavesOut": ({ $0.leavesOut = [.tuning] }, []),
            "chatTemplate": ({ $0.chatTemplate = "llama-3" }, Self.afterPack),
        ]
        let recipe = try Self.recipe()
        // A key that is added to the recipe has to be added here.
        #expect(Set(Mirror(reflecting: recipe).children.compactMap(\.label)) == Set(changes.keys))
        let base = try Self.keys(recipe, Self.samples + "tiny")
        #expect(Set(base.keys) == Set(Self.all))
        #expect(try Self.keys(recipe, Self.samples + "tiny") == base)
        for (name, change) in changes.sorted(by: { $0.key < $1.key }) {
            var other = recipe
            change.change(&other)
            let keys = try Self.keys(other, Self.samples + "tiny")
            let different = changed(base, keys)
            if name == "seedBits" {
                // Of k-means alone; compared with k-means.
                var other = recipe
                other.method = .kMeans
                #expect(changed(try Self.keys(other, Self.samples + "tiny"), keys).contains("quantize"), "\(name)")
            } else {
                #expect(different == change.stages.sorted(), "\(name)")
            }
        }
    }

    /// Fields of what a recipe holds: each changes some key.
    @Test func everyFieldOfTasksQualityAndLearnedChangesAKey() throws {
        let recipe = try Self.recipe()
        let base = try Self.keys(recipe, Self.samples + "tiny")
        let names = NSTemporaryDirectory() + "taper-keys-" + UUID().uuidString
        try FileManager.default.copyItem(atPath: Self.samples + "tiny/heldout.txt", toPath: names)
        defer { Files.remove(names) }
        let changes: [(stage: String, change: (inout Recipe) -> Void)] = [
            ("calibrate", { $0.tasks[0].name = "other" }),
            ("calibrate", { $0.tasks[0].metric = "agreement" }),
            ("calibrate", { $0.tasks[0].maxNewTokens = 95 }),
            ("calibrate", { $0.tasks[0].examples = 3 }),
            // The name stands in the result.
            ("quality", { $0.quality?.text = .file(names) }),
            ("quality", { $0.quality?.window = 500 }),
            ("learned", { $0.learned?.precisions = [4, 2] }),
            ("learned", { $0.learned?.prompts = 11 }),
            ("learned", { $0.learned?.maxNewTokens = 5 }),
            ("quantize", { $0.joint.rounds = 5 }), ("quantize", { $0.joint.damping = 0.02 }),
            ("quantize", { $0.joint.usesFeedback = false }), ("quantize", { $0.joint.preferences[4] = 3 }),
        ]
        for (index, (stage, change)) in changes.enumerated() {
            var other = recipe
            change(&other)
            #expect(try Self.keys(other, Self.samples + "tiny")[stage] != base[stage], "\(stage) \(index)")
        }
    }

    @Test func aTextReadAnotherWayIsAnotherText() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let line =
            "{\"text\": \"The lantern hung over the quiet harbour while the old keeper wrote the weather down.\"}\n"
        let bytes = Array(String(repeating: line, count: 60).utf8)
        var recipe = try Self.recipe()
        var found: [[String: String]] = []
        for name in ["a.jsonl", "a.json"] {
            try AtomicFile.write(bytes, to: folder + "/" + name, replacing: false)
            recipe.calibrationText = .file(folder + "/" + name)
            recipe.quality?.text = .file(folder + "/" + name)
            recipe.quality?.window = 128
            found.append(try Self.keys(recipe, folder))
        }
        #expect(changed(found[0], found[1]) == Array(Self.all.dropFirst()).sorted())
    }

    @Test func contentOfTheCheckpointCountsAndNothingElse() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let recipe = try Self.recipe()
        let base = try Self.keys(recipe, folder)
        func edit(_ name: String, _ change: (inout [UInt8]) throws -> Void) throws {
            let path = folder + "/" + name
            let times = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
            var bytes = try Files.read(path, limit: 1 << 26)
            try change(&bytes)
            try AtomicFile.write(bytes, to: path, replacing: true)
            try FileManager.default.setAttributes([.modificationDate: times as Any], ofItemAtPath: path)
        }
        // Times do not count.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: folder + "/model.safetensors")
        #expect(try Self.keys(recipe, folder) == base)
        #expect(try Self.keys(recipe, folder, nonfinite: true)["import"] != base["import"])
        // One bit of one weight, at the same size and time.
        try edit("model.safetensors") { $0[$0.count - 1] ^= 0x80 }
        let weights = try Self.keys(recipe, folder)
        #expect(changed(base, weights) == Self.all.sorted())
        try edit("model.safetensors") { $0[$0.count - 1] ^= 0x80 }
        #expect(try Self.keys(recipe, folder) == base)
        try edit("config.json") { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let changed = text.replacingOccurrences(of: "\"rope_theta\": 10000.0", with: "\"rope_theta\": 10001.0")
            #expect(changed != text)
            bytes = Array(changed.utf8)
        }
        #expect(changed(base, try Self.keys(recipe, folder)) == Self.all.sorted())
    }

    private static func plainStages(_ folder: String) throws -> [Stage] {
        var recipe = Recipe()
        recipe.precisions = [2, 3]
        recipe.seedBits = 2
        return try Converter(
            input: folder, output: nil, recipe: recipe,
            options: .init(threads: 1, workFolder: "/nowhere", restart: false, force: false, allowNonfinite: false),
            progress: Progress(.quiet)
        ).graph().stages
    }

    /// Turns the last bit of a tensor's first weight.
    private static func edit(_ tensor: String, in folder: String) throws {
        let path = folder + "/model.safetensors"
        var bytes = try Files.read(path, limit: 1 << 26)
        let length = Int(bytes.withUnsafeBytes { UInt64(littleEndian: $0.load(as: UInt64.self)) })
        let header = try JSONValue.parse(Array(bytes[8..<8 + length]), place: "header")
        bytes[8 + length + (try #require(header[tensor]?["data_offsets"]?.array?.first?.integer))] ^= 1
        try AtomicFile.write(bytes, to: path, replacing: true)
    }

    @Test func oneChangedTensorChangesOnlyItsOwnKeyWithoutCalibration() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let before = try Self.plainStages(folder)
        try Self.edit("model.layers.1.mlp.up_proj.weight", in: folder)
        let after = try Self.plainStages(folder)
        let different = zip(before, after).filter { $0.key != $1.key }.map(\.1.label)
        #expect(different == ["quantize model.layers.1.mlp.up_proj.weight", "pack"])
    }

    @Test func theRangeOfKeysAndValuesIsMadeFromTheTensorsThatDecideAlone() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let before = try Self.plainStages(folder)
        try Self.edit("model.layers.1.self_attn.k_proj.weight", in: folder)
        let after = try Self.plainStages(folder)
        let different = zip(before, after).filter { $0.key != $1.key }.map(\.1.label)
        // What might be scaled anew: queries, keys, values and output projections.
        #expect(different.first == "range" && different.last == "pack")
        #expect(different.dropFirst().dropLast().allSatisfy { $0.contains("self_attn") })
        try Self.edit("model.norm.weight", in: folder)
        #expect(try Self.plainStages(folder).first?.key == after.first?.key)
    }
}
