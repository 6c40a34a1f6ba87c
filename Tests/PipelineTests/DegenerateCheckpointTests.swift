import Bundle
import Checkpoint
import struct Foundation.URL
import struct Foundation.UUID
import class Foundation.FileManager
import Kernels
import Model
import Pipeline
import Quantization
import Storage
import Testing

/// Checkpoints with padded rows, dead channels and numbers at the ends of single precision: converted by every method, and right.
@Suite struct DegenerateCheckpointTests {
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
    static let sample = tests + "/../samples/tiny"

    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/taper-degenerate-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func convert(_ input: String, _ folder: String, _ recipe: Recipe) throws -> Bundle {
        let path = folder + "/out.taper"
        _ = try Converter(
            input: input, output: path, recipe: recipe,
            options: Converter.Options(
                threads: 2, workFolder: folder + "/work", restart: false, force: true, allowNonfinite: false),
            progress: Progress(.quiet)
        ).run()
        return try Bundle(path: path)
    }

    private func recipe(_ effort: Effort, text: Bool = true, precisions: [Int] = [2, 3, 4]) throws -> Recipe {
        var recipe = Recipe()
        recipe.effort = effort
        recipe.precisions = precisions
        recipe.tuning = []
        recipe.calibrationText = text ? .file(Self.sample + "/calibration.txt") : nil
        recipe.calibrationSequences = 2
        recipe.calibrationLength = 64
        return recipe
    }

    /// Every matrix of the bundle at every precision beside the checkpoint's, row by row.
    private func compare(
        _ bundle: Bundle, _ input: String,
        _ body: (_ name: String, _ bits: Int, _ row: [Float], _ found: [Float]) -> Void
    ) throws {
        var checkpoint = try Checkpoint.open(input)
        if let json = try bundle.json(SectionName.channels) {
            checkpoint = checkpoint.arranged(
                by: try ChannelOrder(json: json, config: checkpoint.config, place: "channels"))
        }
        let pool = try ThreadPool(threadCount: 1)
        for tensor in checkpoint.config.tensorRequirements() where tensor.shape.count == 2 {
            let (values, columns) = (try checkpoint.read(tensor.name), tensor.shape[1])
            let matrix = try bundle.weights(tensor.name)
            for bits in bundle.manifest.precisions {
                for row in 0..<tensor.shape[0] {
                    var found = [Float](repeating: .nan, count: columns)
                    matrix.dequantizeRow(row, bits: bits, into: &found, pool: pool)
                    body(tensor.name, bits, Array(values[row * columns..<(row + 1) * columns]), found)
                }
            }
        }
    }

    private func check(_ bundle: Bundle, _ input: String) throws {
        #expect(bundle.verify().problems == [])
        var flatCount = 0
        try compare(bundle, input) { name, bits, row, found in
            let top = row.map(abs).max() ?? 0
            let worst = zip(row, found).map { abs($0 - $1) }.max() ?? 0
            // Not more than twice the largest, or it is garbage.
            #expect(worst <= 2 * top + 0x1p-143, "\(name), \(bits) bits")
            if row.allSatisfy({ $0 == row[0] }) {
                flatCount += 1
                #expect(worst <= top * 1e-5 + 0x1p-143, "\(name), \(bits) bits: \(row[0]) became \(found[0])")
            }
        }
        #expect(flatCount > 0)
    }

    /// `constant-row`: matrices with rows of one value. Expected: the checkpoint's own values.
    @Test func aRowOfOneValueIsConverted() throws {
        let input = FileManager.default.temporaryDirectory.path + "/taper-constant-\(UUID().uuidString)"
        try Files.createDirectory(input)
        defer { try? FileManager.default.removeItem(atPath: input) }
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(
                atPath: Self.tests + "/Cases/constant-row/" + name, toPath: input + "/" + name)
        }
        // The case has no tokenizer, and conversion needs one of as many tokens.
        let pieces = (["<|endoftext|>"] + "abcdefghijklmno".map(String.init)).enumerated()
        let tokenizer = """
            {"version": "1.0", "added_tokens": [{"id": 0, "content": "<|endoftext|>", "special": true}],
             "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
             "post_processor": null, "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "merges": [],
             "vocab": {\(pieces.map { "\"\($1)\": \($0)" }.joined(separator: ", "))}}}
            """
        try AtomicFile.write(Array(tokenizer.utf8), to: input + "/tokenizer.json", replacing: false)
        for seed in 2...5 {
            for nested in [false, true] {
                try inFolder { folder in
                    var recipe = try recipe(.fast, text: false, precisions: [2, 3, 4, 5, 6])
                    recipe.seedBits = seed
                    if nested { recipe.embeddingPrecisions = [2, 3, 4, 5, 6] }
                    try check(try convert(input, folder, recipe), input)
                }
            }
        }
    }

    /// Copies the sample with some rows replaced, in single precision.
    private func degenerate(_ folder: String, huge: Float? = nil) throws -> String {
        let (source, path) = (try Checkpoint.open(Self.sample), folder + "/checkpoint")
        try Files.createDirectory(path)
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
            try FileManager.default.copyItem(atPath: Self.sample + "/" + name, toPath: path + "/" + name)
        }
        func change(_ name: String, _ values: inout [Float], _ columns: Int) {
            func set(_ row: Int, _ value: (Int) -> Float) {
                for column in 0..<columns { values[row * columns + column] = value(column) }
            }
            if name.contains("embed_tokens") {
                // The last tokens are in no text.
                let rows = values.count / columns
                for row in rows - 16..<rows - 8 { set(row) { _ in 0.02 } }
                set(rows - 8) { _ in 0 }
                set(rows - 7) { $0 == 3 ? 0.5 : 0 }
                set(rows - 6) { _ in 1e-38 }
                set(rows - 5) { $0 % 2 == 0 ? 1e-40 : -1e-40 }
                if let huge {
                    set(rows - 4) { _ in huge }
                    set(rows - 3) { $0 % 3 == 0 ? huge : -huge / 3 }
                }
            }
            if name.contains("layers.0.self_attn.q_proj") { for index in values.indices { values[index] = 0 } }
            if name.contains("layers.0.self_attn.k_proj") { for index in values.indices { values[index] = 0.01 } }
            if name.contains("layers.1.mlp.up_proj") {
                for row in 0..<64 { set(row) { _ in row % 2 == 0 ? 0 : -0.03 } }
            }
            if name.contains("layers.1.mlp.gate_proj") { for row in 0..<8 { set(row) { $0 % 2 == 0 ? 0.02 : -0.01 } } }
            if name.contains("layers.2.self_attn.o_proj") { for row in 0..<4 { set(row) { _ in -1e-40 } } }
            if name.contains("layers.3.mlp.down_proj") { for row in 0..<8 { set(row) { $0 == 0 ? 0.1 : 0.001 } } }
        }
        var members: [JSONValue.Member] = []
        var data = ByteWriter()
        for tensor in source.tensors {
            var values = try source.read(tensor.name)
            if tensor.shape.count == 2 { change(tensor.name, &values, tensor.shape[1]) }
            let start = data.bytes.count
            for value in values { data.f32(value) }
            members.append(
                .init(
                    tensor.name,
                    .object([
                        .init("dtype", .string("F32")), .init("shape", .array(tensor.shape.map { .integer($0) })),
                        .init("data_offsets", .array([.integer(start), .integer(data.bytes.count)])),
                    ])))
        }
        let header = JSONValue.object(members).bytes()
        var file = ByteWriter()
        file.u64(UInt64(header.count))
        file.raw(header)
        file.raw(data.bytes)
        try AtomicFile.write(file.bytes, to: path + "/model.safetensors", replacing: false)
        return path
    }

    @Test func clustersKeepDegenerateRows() throws {
        try inFolder { folder in
            // Just below what import refuses.
            let input = try degenerate(folder, huge: 0x1.fp63)
            try check(try convert(input, folder, try recipe(.fast, text: false)), input)
            var nested = try recipe(.fast, text: false)
            nested.embeddingPrecisions = [2, 3, 4]
            try check(try convert(input, folder, nested), input)
        }
    }

    @Test(arguments: [QuantizationMethod.kMeans, .anyPrecision, .joint])
    func everyMethodKeepsDegenerateRowsUnderCalibrationText(method: QuantizationMethod) throws {
        try inFolder { folder in
            let input = try degenerate(folder)
            var recipe = try recipe(.default)
            recipe.method = method
            recipe.embeddingPrecisions = method == .joint ? [2, 3, 4] : [8]
            try check(try convert(input, folder, recipe), input)
        }
    }

    @Test func tuningAndRungsStayFinite() throws {
        try inFolder { folder in
            let input = try degenerate(folder)
            var recipe = try recipe(.default)
            recipe.tuning = [TuningPlan(bits: 2, steps: 3, rate: 0.008), TuningPlan(bits: 4, steps: 2, rate: 0.0015)]
            recipe.rungs = [Precision(hundredths: 250)]
            let bundle = try convert(input, folder, recipe)
            #expect(bundle.verify().problems == [])
            #expect(try bundle.rungs().count == 1)
            // Tuning moves centroids of a layer by shares of its weights' size.
            try compare(bundle, input) { name, bits, row, found in
                let top = max(0.2, row.map(abs).max() ?? 0)
                #expect(zip(row, found).allSatisfy { abs($0 - $1) <= 2 * top }, "\(name), \(bits) bits")
            }
        }
    }

    @Test func weightsWhoseProductsLeaveSinglePrecisionAreRefused() throws {
        try inFolder { folder in
            let input = try degenerate(folder, huge: 3e38)
            #expect(throws: TaperError(.badData, "")) { _ = try convert(input, folder, try recipe(.default)) }
        }
    }
}
