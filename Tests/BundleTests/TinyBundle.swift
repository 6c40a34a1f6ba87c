import Bundle
import class Foundation.FileManager
import struct Foundation.Data
import struct Foundation.URL
import struct Foundation.UUID
import Kernels
import Model
import Storage

/// A deterministic model of one block, small enough to flip every byte of its bundle.
struct TinyBundle {
    var precisions = [2, 3]
    /// Precisions of the embedding; nil: bytes.
    var embedding: [Int]?
    var tied = true
    var tokenizer: [UInt8]? = Array("tiny tokenizer, tiny tokenizer".utf8)
    var documents: [(section: String, value: JSONValue)] = [
        ("chat", .object([.init("template", .string("plain"))]))
    ]
    var learned: LearnedScheduler?
    /// Leading bits of which the head has screens.
    var screens: [Int] = []
    var provenance: JSONValue = .object([.init("source", .string("tiny"))])
    /// What differs from the model below.
    var change: @Sendable (inout ModelConfig) -> Void = { _ in }

    var model: ModelConfig {
        var config = ModelConfig(
            family: "llama", hiddenSize: 8, intermediateSize: 12, layerCount: 1, headCount: 2, kvHeadCount: 1,
            headSize: 4, vocabularySize: 11, contextLength: 64, normEpsilon: 1e-5, ropeTheta: 10000)
        config.tiedEmbeddings = tied
        config.eosTokens = [0]
        change(&config)
        return config
    }

    var manifest: Manifest {
        let tensors = model.tensorRequirements().map { need -> TensorPlan in
            let encoding: TensorPlan.Encoding =
                if need.isLinear {
                    .nested(group: "linear", precisions: precisions)
                } else if need.shape.count == 1 {
                    .float
                } else if let embedding {
                    .nested(group: "embedding", precisions: embedding)
                } else {
                    .int8
                }
            return TensorPlan(name: need.name, shape: need.shape, encoding: encoding)
        }
        return Manifest(model: model, precisions: precisions, tensors: tensors, provenance: provenance)
    }

    /// Numbers that depend on the tensor's name alone.
    struct Noise {
        private var state: UInt64
        init(_ name: String) { state = checksum(Array(name.utf8)) }
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        mutating func bytes(_ count: Int, below limit: UInt64) -> [UInt8] {
            (0..<count).map { _ in UInt8(next() % limit) }
        }
        mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(next() % 64 + 1) / 64 } }
    }

    static func codes(_ plan: TensorPlan, bits: Int) -> [UInt8] {
        var noise = Noise(plan.name + " codes")
        return noise.bytes(plan.shape[0] * plan.shape[1], below: 1 << UInt64(bits))
    }

    /// Nested codes; 16 among the precisions is another thing, `half`.
    static func nested(_ plan: TensorPlan, _ all: [Int]) -> PackedMatrix {
        var noise = Noise(plan.name)
        let precisions = all.filter { $0 <= 8 }
        let bits = precisions.last ?? 2
        let rows = NestedLayout.paddedRows(plan.shape[0])
        return PackedMatrix(
            name: plan.name, rows: plan.shape[0], columns: plan.shape[1], bits: bits,
            planes: NestedLayout.pack(
                codes: codes(plan, bits: bits), rows: plan.shape[0], columns: plan.shape[1], bits: bits),
            tables: precisions.map { bits in
                PackedTable(
                    bits: bits, entries: noise.bytes(rows << bits, below: 256), scales: scales(&noise, plan.shape[0]))
            })
    }

    /// Zero for padding rows.
    private static func scales(_ noise: inout Noise, _ rows: Int) -> [Float] {
        noise.floats(rows) + [Float](repeating: 0, count: NestedLayout.paddedRows(rows) - rows)
    }

    /// Sixteenths from -2 to 2, which halves hold exactly.
    static func halfWeights(_ plan: TensorPlan) -> [Float] {
        var noise = Noise(plan.name + " half")
        return (0..<plan.shape[0] * plan.shape[1]).map { _ in Float(noise.next() % 64) / 16 - 2 }
    }

    static func half(_ plan: TensorPlan) -> PackedHalf {
        let (rows, columns) = (plan.shape[0], plan.shape[1])
        let pool = ThreadPool(threadCount: 1, instructionSet: .best)
        return PackedHalf(
            name: plan.name, rows: rows, columns: columns,
            values: HalfLayout.pack(halfWeights(plan), rows: rows, columns: columns, pool: pool))
    }

    static func int8(_ plan: TensorPlan) -> PackedInt8 {
        var noise = Noise(plan.name)
        let rows = plan.shape[0]
        let columns = plan.shape[1]
        let values = noise.bytes(rows * columns, below: 256)
        return PackedInt8(
            name: plan.name, rows: rows, columns: columns,
            values: NestedLayout.tiled(values, rows: rows, columns: columns), scales: scales(&noise, rows))
    }

    static func vector(_ plan: TensorPlan) -> [Float] {
        var noise = Noise(plan.name)
        return noise.floats(plan.shape[0])
    }

    static func add(_ plan: TensorPlan, to writer: BundleWriter) throws(TaperError) {
        switch plan.encoding {
        case .nested(_, let precisions):
            try writer.add(nested(plan, precisions))
            if precisions.contains(16) { try writer.add(half(plan)) }
        case .int8: try writer.add(int8(plan))
        case .float: try writer.add(vector: vector(plan), name: plan.name)
        }
    }

    func writer(_ path: String, replacing: Bool = false) throws(TaperError) -> BundleWriter {
        try BundleWriter(
            path: path, replacing: replacing, manifest: manifest, tokenizer: tokenizer, documents: documents)
    }

    func write(to path: String, replacing: Bool = false, reversed: Bool = false) throws(TaperError) {
        let writer = try writer(path, replacing: replacing)
        let plans = manifest.tensors
        for plan in reversed ? plans.reversed() : plans { try TinyBundle.add(plan, to: writer) }
        try writer.finish()
        if let learned { try rewriteBundle(from: path, to: path, documents: [], learned: learned, replacing: true) }
        if !screens.isEmpty {
            let contents = try screens.map { bits throws(TaperError) in
                try TinyBundle.screen(of: try Bundle(path: path), leadBits: bits).bytes
            }
            try rewriteBundle(from: path, to: path, documents: [], headScreens: contents, replacing: true)
        }
    }

    func bytes() throws -> [UInt8] {
        try Scratch.with { (folder: String) throws in
            try write(to: folder + "/tiny.taper")
            return try Files.read(folder + "/tiny.taper", limit: 1 << 20)
        }
    }

    /// For precisions 2, 3, 4 or more: 2.4 and 3.6 bits.
    static let rungs = [
        Rung(precision: Precision(hundredths: 240), bits: [3, 3, 3, 3, 2, 2, 2]),
        Rung(
            precision: Precision(hundredths: 360), bits: [3, 3, 3, 3, 4, 4, 4],
            evidence: .object([.init("method", .string("by hand"))])),
    ]

    static func schedule(_ steps: [(from: Int, bits: Precision)], task: String = "summary") -> CalibratedSchedule {
        CalibratedSchedule(
            task: task, metric: "rouge-l",
            schedule: PrecisionSchedule(
                prefillBits: steps[0].bits, descending: steps.map { .init(fromStep: $0.from, bits: $0.bits) }),
            maxNewTokens: 48, averageBits: 2.5, score: 0.5, referenceScore: 0.51, tolerance: 0.02,
            evidence: ScheduleEvidence(.null))
    }
}

/// A folder that goes when the test ends.
enum Scratch {
    static func with<R>(_ body: (String) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bundle-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }

    /// The error of opening these bytes and reading all of them, or nil.
    static func failure(_ bytes: [UInt8]) throws -> TaperError? {
        try with { folder in
            let path = folder + "/case.taper"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return failure(path: path)
        }
    }

    static func failure(path: String) -> TaperError? {
        do throws(TaperError) {
            let bundle = try Bundle(path: path)
            // Whatever opens must also be readable without a crash, sound or not.
            for tensor in bundle.manifest.tensors {
                if tensor.encoding == .float {
                    _ = try bundle.vector(tensor.name)
                } else {
                    _ = try bundle.weights(tensor.name)
                }
            }
            _ = try bundle.schedules()
            _ = try bundle.adaptiveSchedule()
            _ = try bundle.learnedScheduler()
            _ = try bundle.headScreens()
            for section in bundle.sections { _ = try bundle.section(section.name) }
            let report = bundle.verify()
            if let first = report.problems.first { return TaperError(.badData, first) }
            return nil
        } catch { return error }
    }
}
