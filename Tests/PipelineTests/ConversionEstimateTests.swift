import Checkpoint
import Foundation
import Model
import Pipeline
import Reference
import Storage
import Testing

/// What does not fit is said before the first stage, for all stages at once.
@Suite struct ConversionEstimateTests {
    /// Seven billion weights, as LLaMA 2 has them.
    private static func large(layers: Int = 32) -> ModelConfig {
        ModelConfig(
            family: "llama", hiddenSize: 4096, intermediateSize: 11008, layerCount: layers, headCount: 32,
            kvHeadCount: 32, headSize: 128, vocabularySize: 32000, contextLength: 4096, normEpsilon: 1e-5,
            ropeTheta: 10000)
    }

    private static func memory(_ byteCount: Int) -> AvailableMemory {
        AvailableMemory(machine: byteCount, addressSpace: nil) { _ in nil }
    }

    private static func disk(free: Int, used: Int = 0, apart: Bool = false) -> DiskSpace {
        DiskSpace(
            workPath: "/store/w", outputPath: "/out/model.taper",
            look: { path in (free, apart && path.hasPrefix("/out") ? 2 : 1) }, used: { _ in used })
    }

    private func check(_ recipe: Recipe, _ config: ModelConfig, memory: Int, disk: DiskSpace = Self.disk(free: 1 << 50))
        throws(TaperError)
    {
        try ConversionEstimate(recipe, config, storedBytes: 13_500_000_000).check(
            available: Self.memory(memory), place: "model", disk: disk)
    }

    @Test func everyStageThatDoesNotFitIsNamedAtOnce() throws {
        var recipe = Recipe.standard(.default)
        recipe.rungs = [Precision(hundredths: 350)]
        do {
            try check(recipe, Self.large(), memory: 6_000_000_000)
            Issue.record("it passed")
        } catch {
            #expect(error.exitCode == 64)
            for name in [
                "write own text", "tune", "rungs", field("generated") + " 0", "\"tuning\": []", "6.0 GB",
            ] {
                #expect(error.message.contains(name), "\(name): \(error.message)")
            }
            // Passes that go block by block take little of any model.
            for name in ["arrange", "weigh positions", "quantize jointly", "quality"] {
                #expect(!error.message.contains(name), "\(name): \(error.message)")
            }
        }
        try check(recipe, Self.large(), memory: 1 << 40)
        // Unknown memory refuses nothing.
        try check(recipe, Self.large(), memory: 0)
    }

    /// What a conversion may use says what it keeps, and how often it reads weights.
    @Test func moreMemoryIsUsedWhereItSavesTime() throws {
        let recipe = Recipe.standard(.default)
        func stage(_ name: String, _ budget: MemoryBudget) throws -> StageEstimate {
            try #require(
                ConversionEstimate(recipe, Self.large(), storedBytes: 0, budget: budget).stages.first {
                    $0.name == name
                })
        }
        for name in ["weigh positions", "tune"] {
            let (usual, more) = (try stage(name, .usual), try stage(name, MemoryBudget(of: 100_000_000_000)))
            #expect(more.memoryBytes > usual.memoryBytes && more.seconds < usual.seconds, "\(name)")
        }
        let (usual, less) = (
            try stage("weigh positions", .usual), try stage("weigh positions", MemoryBudget(of: 2_000_000_000))
        )
        #expect(less.memoryBytes < usual.memoryBytes && less.seconds > usual.seconds)
    }

    @Test func gradientsOfCappedLogitsTakeMemory() {
        var capped = Self.large()
        capped.logitCap = 30
        let recipe = Recipe.standard(.default)
        let stages = ConversionEstimate(recipe, Self.large(), storedBytes: 0).stages
        let grown = zip(stages, ConversionEstimate(recipe, capped, storedBytes: 0).stages).filter {
            $0.memoryBytes < $1.memoryBytes
        }
        #expect(grown.map(\.0.name) == ["weigh positions", "tune"])
    }

    @Test func aDiskWithoutRoomIsSaidAtOnceAndWhatIsThereIsCounted() throws {
        let recipe = Recipe.standard(.fast)
        let estimate = ConversionEstimate(recipe, Self.large(), storedBytes: 0)
        let all = estimate.workBytes + estimate.outputBytes
        #expect(estimate.outputBytes > 4_500_000_000 && estimate.outputBytes < 6_500_000_000)
        try check(recipe, Self.large(), memory: 0, disk: Self.disk(free: all))
        #expect(throws: TaperError(.inputOutput, "")) {
            try check(recipe, Self.large(), memory: 0, disk: Self.disk(free: all - 1))
        }
        try check(
            recipe, Self.large(), memory: 0, disk: Self.disk(free: estimate.outputBytes, used: estimate.workBytes))
        // Two disks need not have room for both.
        let larger = max(estimate.workBytes, estimate.outputBytes)
        try check(recipe, Self.large(), memory: 0, disk: Self.disk(free: larger, apart: true))
        #expect(throws: TaperError(.inputOutput, "")) {
            try check(recipe, Self.large(), memory: 0, disk: Self.disk(free: larger - 1, apart: true))
        }
    }

    /// Another folder for intermediate results helps nobody whose bundle has no room.
    @Test func theFullDiskIsNamedWithWhatHelps() throws {
        let recipe = Recipe.standard(.fast)
        let estimate = ConversionEstimate(recipe, Self.large(), storedBytes: 0)
        func remedy(work: Int, output: Int) -> TaperError? {
            let disk = DiskSpace(
                workPath: "/store/w", outputPath: "/out/model.taper",
                look: { $0.hasPrefix("/out") ? (output, 2) : (work, 1) }, used: { _ in 0 })
            do throws(TaperError) {
                try check(recipe, Self.large(), memory: 0, disk: disk)
                return nil
            } catch { return error }
        }
        let bundle = remedy(work: 1 << 50, output: estimate.outputBytes - 1)
        #expect(bundle?.place == "/out" && bundle?.remedy.contains("another disk") == true)
        #expect(bundle?.remedy.contains(field("work")) == false)
        let work = remedy(work: estimate.workBytes - 1, output: 1 << 50)
        #expect(work?.place == "/store/w" && work?.remedy.contains(field("work")) == true)
        #expect(remedy(work: estimate.workBytes, output: estimate.outputBytes) == nil)
    }

    /// Known prompts bound what a calibration holds; unknown ones are as long as the context lets them be, and then the limits of
    /// the stage's own code count.
    @Test func calibrationsTakeWhatTheirPromptsNeed() throws {
        var recipe = try Recipe(path: ConverterTests.root + "/pipelines/tiny.json")
        let name = try #require(recipe.tasks.first?.name)
        recipe.tasks[0].maxNewTokens = 28
        let config = try Checkpoint.open(ConverterTests.root + "/samples/tiny").config
        func memory(_ config: ModelConfig, _ prompts: [String: PromptSizes], _ metric: String = "f1") throws -> Int {
            recipe.tasks[0].metric = metric
            let all = ConversionEstimate(recipe, config, storedBytes: 0, prompts: prompts).stages
            return try #require(all.first { $0.name == "calibrate " + name }).memoryBytes
        }
        let known = try memory(config, [name: PromptSizes(count: 10, longest: 100)])
        let precisions = recipe.precisions.count
        let position = 4 * config.layerCount * config.kvSize
        #expect(known > (10 * precisions * 128 + 10 * 100) * position && known < 60_000_000, "\(known)")
        // Twice the prompts, twice the caches.
        let more = try memory(config, [name: PromptSizes(count: 20, longest: 100)])
        #expect(more > known && more - known <= known - 32_000_000)
        // Distributions of the float model along its answers, and its weights.
        let compared = try memory(config, [name: PromptSizes(count: 10, longest: 100)], "kl")
        #expect(compared > known + 10 * 29 * 4 * config.vocabularySize)
        let unknown = try memory(Self.large(), [:])
        #expect(unknown > 5_000_000_000 && unknown < 5_600_000_000, "\(unknown)")
    }

    @Test func aLearnedSchedulersPromptsBoundItsMemory() throws {
        var recipe = Recipe.standard(.fast)
        func memory(_ prompts: Int) throws -> Int {
            recipe.learned = .init(
                textPath: "c.txt", precisions: [4, 2], prompts: prompts, maxNewTokens: 64, tolerance: 0.1)
            let config = try Checkpoint.open(ConverterTests.root + "/samples/tiny").config
            let stage = ConversionEstimate(recipe, config, storedBytes: 0).stages.first {
                $0.name == "learned scheduler"
            }
            return try #require(stage).memoryBytes
        }
        #expect(try memory(12) < 90_000_000 && memory(12) < memory(48))
    }

    @Test func smallModelsAreEstimatedToTakeLittle() throws {
        let checkpoint = try Checkpoint.open(ConverterTests.root + "/samples/tiny")
        let stored = checkpoint.tensors.reduce(0) { $0 + $1.byteCount }
        let estimate = ConversionEstimate(.standard(.fast), checkpoint.config, storedBytes: stored)
        #expect(estimate.memoryBytes > 5_000_000 && estimate.memoryBytes < 60_000_000, "\(estimate.memoryBytes)")
    }

    /// A weights file of holes: a header, and as many zeros as it promises.
    private func largeCheckpoint(layers: Int) throws -> String {
        let folder = NSTemporaryDirectory() + "taper-large-" + UUID().uuidString
        try Files.createDirectory(folder)
        let config = Self.large(layers: layers)
        let json = """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
             "num_hidden_layers": \(layers), "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
             "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2,
             "tie_word_embeddings": false}
            """
        try AtomicFile.write(Array(json.utf8), to: folder + "/config.json", replacing: false)
        try FileManager.default.copyItem(
            atPath: ConverterTests.root + "/samples/tiny/tokenizer.json", toPath: folder + "/tokenizer.json")
        var offset = 0
        var members: [JSONValue.Member] = []
        for tensor in config.tensorRequirements() {
            let count = tensor.shape.reduce(2, *)
            members.append(
                .init(
                    tensor.name,
                    .object([
                        .init("dtype", .string("BF16")), .init("shape", .array(tensor.shape.map { .integer($0) })),
                        .init("data_offsets", .array([.integer(offset), .integer(offset + count)])),
                    ])))
            offset += count
        }
        var header = JSONValue.object(members).bytes()
        while header.count % 8 != 0 { header.append(0x20) }
        var writer = ByteWriter()
        writer.u64(UInt64(header.count))
        writer.raw(header)
        try AtomicFile.write(writer.bytes, to: folder + "/model.safetensors", replacing: false)
        let handle = try #require(FileHandle(forWritingAtPath: folder + "/model.safetensors"))
        try handle.truncate(atOffset: UInt64(8 + header.count + offset))
        try handle.close()
        return folder
    }

    @Test(.timeLimit(.minutes(1))) func partsThatDoNotFitAreLeftOutOfTheStandardRecipeAndSaid() throws {
        let folder = try largeCheckpoint(layers: 32)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let checkpoint = try Checkpoint.open(folder)
        let standard = Recipe.standard(.default)
        let (recipe, leftOut, _) = try standard.fitted(to: checkpoint, available: Self.memory(7_000_000_000))
        #expect(leftOut.count == 2 && leftOut.allSatisfy { $0.contains("7.0 GB") }, "\(leftOut)")
        #expect(recipe.generatedSequences == 0 && recipe.isGuided && recipe.tuningPlans.isEmpty)
        #expect(recipe.effectiveMethod == .joint && recipe.quality != nil)
        try check(recipe, checkpoint.config, memory: 7_000_000_000)
        // Some fits a larger machine, all the largest.
        let (some, missing, _) = try standard.fitted(to: checkpoint, available: Self.memory(9_000_000_000))
        #expect(some.generatedSequences > 0 && some.tuningPlans.isEmpty && missing.count == 1, "\(missing)")
        #expect(try standard.fitted(to: checkpoint, available: Self.memory(1 << 40)).leftOut.isEmpty)
        // What somebody asked for is not left out.
        let own = try Recipe(path: ConverterTests.root + "/pipelines/chat.json")
        #expect(try own.fitted(to: checkpoint, available: Self.memory(1)).leftOut.isEmpty)
        // Whoever allows more loses nothing by it, be there so much or not.
        for available in [7, 9, 13, 16, 24, 40, 64].map({ Self.memory($0 * 1_000_000_000) }) {
            let usual = try standard.fitted(to: checkpoint, available: available).leftOut.count
            for asked in [available.byteCount, 1 << 40] {
                let fitted = try standard.fitted(to: checkpoint, available: available, asked: asked)
                #expect(fitted.leftOut.count <= usual, "\(available.byteCount), \(asked)")
                #expect(fitted.budget.stateBytes <= available.byteCount)
            }
        }
        #expect(
            try standard.fitted(to: checkpoint, available: Self.memory(64_000_000_000), asked: 64_000_000_000).budget
                == MemoryBudget(of: 64_000_000_000))
        // Passes whose states do not fit take fewer sequences together before they are left out.
        func weighing(_ budget: MemoryBudget) throws -> Int {
            try #require(
                ConversionEstimate(standard, checkpoint.config, storedBytes: 0, budget: budget).stages
                    .first { $0.name == "weigh positions" }
            ).memoryBytes
        }
        let between = try (weighing(.usual) + weighing(.least)) / 2
        let narrow = try standard.fitted(to: checkpoint, available: Self.memory(between))
        #expect(narrow.budget == .least && narrow.recipe.isGuided, "\(narrow.leftOut)")
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func aCheckpointThatIsTooLargeIsRefusedBeforeAnyWork(isDry: Bool) throws {
        // 160 GB of holes: reading them would take minutes.
        let folder = try largeCheckpoint(layers: 400)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outcome = try TaperProgram.run(
            [
                "convert", folder, "-o", folder + "/out.taper", "--recipe",
                ConverterTests.root + "/pipelines/chat.json", "--work", folder + "/work",
                "--chat-template", "chatml",
            ] + (isDry ? ["--dry-run"] : []))
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(outcome.errors.contains("tune") && outcome.errors.contains("write own text"), "\(outcome.errors)")
        #expect(!Files.exists(folder + "/work") && !Files.exists(folder + "/out.taper"))
    }

    /// The limit is said where it bites, and what is no size is refused.
    @Test func memoryIsLimitedByTheFlag() throws {
        let folder = try ScratchPath()
        let convert = ["convert", ConverterTests.root + "/samples/tiny", "-o", folder.path + "/a.taper", "--dry-run"]
        let fits = try TaperProgram.run(convert + ["--memory", "auto"])
        #expect(fits.status == 0, "\(fits.errors)")
        let small = try TaperProgram.run(convert + ["--memory", "20 MB"])
        #expect(
            small.status == 64 && small.errors.contains("20.0 MB") && small.errors.contains("Allow more with --memory"),
            "\(small.errors)")
        for text in ["much", "0", "0GB"] {
            let wrong = try TaperProgram.run(convert + ["--memory", text])
            #expect(
                wrong.status == 64 && wrong.errors.contains("--memory") && wrong.errors.contains(text),
                "\(wrong.errors)")
        }
    }

    @Test func jointProgressWeighsTensorsByWhatTheyTake() {
        let config = Self.large()
        let shapes = config.linearParts().map { (rows: $0.rows, columns: $0.columns) }
        var progress = JointProgress(
            config, pending: Dictionary(uniqueKeysWithValues: (0..<32).map { ($0, shapes) }), tokens: 16384, rounds: 4)
        var last = 0.0
        for layer in 0..<32 {
            progress.forward(Double(layer + 1) / 32)
            #expect(progress.fraction >= last)
            for shape in shapes {
                let before = progress.fraction
                progress.quantized(rows: shape.rows, columns: shape.columns)
                #expect(progress.fraction > before)
                last = progress.fraction
            }
            // Layers are alike, so each is a 32nd.
            #expect(abs(last - Double(layer + 1) / 32) < 1e-9)
        }
        // The down projection has 2.7 times the columns of the others.
        var one = JointProgress(config, pending: [0: shapes], tokens: 1, rounds: 4)
        one.quantized(rows: 4096, columns: 11008)
        #expect(one.fraction > 0.35 && one.fraction < 0.65)
    }
}
