import Bundle
import Checkpoint
import Decoding
import class Foundation.FileManager
import struct Foundation.UUID
import Glibc
import Kernels
import Model
import Pipeline
import Quantization
import Reference
import Runtime
import Storage
import Testing

/// Every family's oracle, from its files to a bundle that writes what the float model does: with Hessians, tuning and all.
@Suite struct FamilyConversionTests {
    static let oracles = TaperProgram.root + "/Tests/Oracles"
    static let names = [
        "gemma2", "gemma3", "granite", "llama-bias", "llama-rope-linear", "llama-rope-llama3", "llama-rope-yarn",
        "olmo2", "phi3", "phi3-longrope", "qwen2-window", "qwen3", "smollm3", "stablelm-parallel-qknorm",
    ]

    /// A tokenizer that fits any of the checkpoints: printable ASCII, one character a token.
    private static let tokenizer: JSONValue = {
        let characters = (32..<127).map { String(UnicodeScalar(UInt8($0))) }
        let vocabulary = ["<unk>", "<s>", "</s>"] + characters
        let model: [JSONValue.Member] = [
            .init("type", .string("BPE")), .init("unk_token", .string("<unk>")), .init("fuse_unk", .bool(false)),
            .init("byte_fallback", .bool(false)),
            .init("vocab", .object(vocabulary.enumerated().map { .init($0.element, .integer($0.offset)) })),
            .init("merges", .array([])),
        ]
        return .object([
            .init("version", .string("1.0")), .init("added_tokens", .array([])), .init("normalizer", .null),
            .init("pre_tokenizer", .null), .init("post_processor", .null), .init("decoder", .null),
            .init("model", .object(model)),
        ])
    }()

    private func inFolder<R>(_ name: String, _ body: (String) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.path + "/taper-family-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for file in try FileManager.default.contentsOfDirectory(atPath: Self.oracles + "/" + name)
        where file.hasPrefix("model") || file.hasSuffix("config.json") {
            try FileManager.default.copyItem(
                atPath: Self.oracles + "/" + name + "/" + file, toPath: folder + "/" + file)
        }
        try AtomicFile.write(Self.tokenizer.bytes(), to: folder + "/tokenizer.json", replacing: true)
        return try body(folder)
    }

    private func convert(_ folder: String) throws -> Bundle {
        var recipe = Recipe()
        recipe.effort = .default
        recipe.precisions = [4, 8]
        recipe.tuning = [TuningPlan(bits: 4, steps: 2, rate: 0.001)]
        recipe.calibrationText = .file(TaperProgram.root + "/samples/tiny/calibration.txt")
        recipe.calibrationSequences = 4
        recipe.calibrationLength = 64
        _ = try Converter(
            input: folder, output: folder + "/out.taper", recipe: recipe,
            options: Converter.Options(
                threads: 2, workFolder: folder + "/work", restart: false, force: true, allowNonfinite: false),
            progress: Progress(.quiet)
        ).run()
        return try Bundle(path: folder + "/out.taper")
    }

    /// KL divergence from the float model, mean over the oracle's tokens.
    private func divergence(_ bundle: Bundle, _ checkpoint: Checkpoint, _ tokens: [Int], bits: Precision) throws
        -> Double
    {
        let reference = try ReferenceModel(checkpoint, residency: .resident, threads: 2).logits(tokens)
        let engine = try Engine(
            TransformerWeights(bundle), contextLength: tokens.count, pool: try ThreadPool(threadCount: 2))
        let vocabulary = engine.vocabularySize
        var total = 0.0
        let sequence = try engine.makeSequence()
        try engine.read(tokens, into: sequence, wanting: .all, bits: bits) { position, row in
            let (a, b) = (Array(reference[position * vocabulary..<(position + 1) * vocabulary]), Array(row))
            func logSum(_ x: [Float]) -> Double {
                let top = Double(x.max() ?? 0)
                return top + log(x.reduce(0) { $0 + exp(Double($1) - top) })
            }
            let (sa, sb) = (logSum(a), logSum(b))
            for (x, y) in zip(a, b) { total += exp(Double(x) - sa) * (Double(x) - sa - Double(y) + sb) }
        }
        return total / Double(tokens.count)
    }

    @Test(arguments: names) func bundlesComputeWhatTheCheckpointDoes(name: String) throws {
        try inFolder(name) { folder in
            let golden = try JSONValue.parse(
                try Files.read(Self.oracles + "/" + name + "/golden.json", limit: 1 << 26), place: name)
            let tokens = try #require((golden["input_ids"] ?? golden["prompt_ids"])?.array).compactMap(\.integer)
            let bundle = try convert(folder)
            #expect(bundle.verify().problems == [])
            let checkpoint = try Checkpoint.open(folder)
            let eight = try divergence(bundle, checkpoint, tokens, bits: 8)
            let four = try divergence(bundle, checkpoint, tokens, bits: 4)
            // Random weights, whose activations suffer from bytes: LLaMA's blocks are at 0.002 to 0.0051 and 0.09 to 0.29.
            #expect(eight < 0.006 && four < 0.35, "\(name): \(eight) at 8 bits, \(four) at 4")
            #expect(eight < four)
            try everyInstructionSetComputesTheSame(folder)
        }
    }

    /// Logits of the bundle to the bit.
    private func everyInstructionSetComputesTheSame(_ folder: String) throws {
        func logits(_ set: String) throws -> String {
            let outcome = try Shell.run(
                "TAPER_ISA=\(set) $TAPER logits $1/out.taper --tokens 5,17,3,40,41,42,5,5,9 --bits 4 --json", [folder])
            try #require(outcome.status == 0, "\(outcome.errors)")
            return outcome.output
        }
        let best = try logits("")
        #expect(best.utf8.count > 1000)
        for set in InstructionSet.available { #expect(try logits(set.name) == best, "\(set.name)") }
    }
}
