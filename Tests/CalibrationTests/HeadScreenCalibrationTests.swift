import Bundle
import Calibration
import Evaluation
import Kernels
import Model
import Runtime
import Storage
import Testing

import func Foundation.NSTemporaryDirectory
import struct Foundation.UUID

/// Screens that are made of a bundle find what its whole head would.
@Suite struct HeadScreenCalibrationTests {
    /// A bundle of random weights whose head looks like a Gaussian's in codes of 5 and 6 bits.
    private final class Model {
        let bundle: Bundle
        private let path: String

        init(
            vocabulary: Int = 4096, headPrecisions: [Int] = [5, 6], cap: Double? = nil, norm: Float = 1,
            headScale: Float = 1
        ) throws {
            path = NSTemporaryDirectory() + "taper-screen-\(UUID().uuidString).taper"
            var config = ModelConfig(
                family: "llama", hiddenSize: 64, intermediateSize: 96, layerCount: 1, headCount: 2, kvHeadCount: 1,
                headSize: 32, vocabularySize: vocabulary, contextLength: 512, normEpsilon: 1e-5, ropeTheta: 10000)
            config.tiedEmbeddings = false
            config.logitCap = cap
            let tensors = config.tensorRequirements().map { need -> TensorPlan in
                let encoding: TensorPlan.Encoding =
                    need.isLinear
                    ? .nested(group: Manifest.linearGroup, precisions: [2, 4])
                    : need.shape.count == 1
                        ? .float
                        : need.name == TensorName.head && !headPrecisions.isEmpty
                            ? .nested(group: Manifest.fixedGroup, precisions: headPrecisions) : .int8
                return TensorPlan(name: need.name, shape: need.shape, encoding: encoding)
            }
            let manifest = Manifest(model: config, precisions: [2, 4], tensors: tensors, provenance: .null)
            let writer = try BundleWriter(
                path: path, replacing: false, manifest: manifest, tokenizer: nil, documents: [])
            var random = SplitMix64(state: 11)
            for plan in tensors {
                let (rows, columns) = (plan.shape[0], plan.shape.last ?? 1)
                let scale = 0.02 / Float(columns).squareRoot()
                switch plan.encoding {
                case .float:
                    let weight = plan.name == TensorName.finalNorm ? norm : 1
                    try writer.add(vector: [Float](repeating: weight, count: rows), name: plan.name)
                case .int8:
                    try writer.add(
                        PackedInt8(
                            name: plan.name, rows: rows, columns: columns,
                            values: NestedLayout.tiled(
                                (0..<rows * columns).map { _ in UInt8(1 + random.next() % 255) }, rows: rows,
                                columns: columns),
                            scales: [Float](repeating: scale, count: NestedLayout.paddedRows(rows))))
                case .nested(_, let precisions):
                    let bits = precisions.last ?? 2
                    // Sums of four draws are nearly normal.
                    let codes = (0..<rows * columns).map { _ in
                        let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double(random.next() >> 11) / Double(1 << 53) }
                        return UInt8(max(0, min(Double(1 << bits) - 1, (sum / 4) * Double(1 << bits))))
                    }
                    let padded = NestedLayout.paddedRows(rows)
                    try writer.add(
                        PackedMatrix(
                            name: plan.name, rows: rows, columns: columns, bits: bits,
                            planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits),
                            tables: precisions.map { precision in
                                var entries = [UInt8](repeating: 128, count: padded << precision)
                                for row in 0..<rows {
                                    for code in 0..<1 << precision {
                                        let index = NestedLayout.tableIndex(ofPrefix: code, bits: precision)
                                        entries[row << precision + index] =
                                            UInt8(256 * (Double(code) + 0.5) / Double(1 << precision))
                                    }
                                }
                                let scale = plan.name == TensorName.head ? scale * headScale : scale
                                return PackedTable(
                                    bits: precision, entries: entries, scales: [Float](repeating: scale, count: padded))
                            }))
                }
            }
            try writer.finish()
            bundle = try Bundle(path: path)
        }

        deinit { Files.remove(path) }
    }

    private static func text(_ seed: UInt64, vocabulary: Int, sequences: Int, length: Int) -> [[Int]] {
        var random = SplitMix64(state: seed)
        return (0..<sequences).map { _ in (0..<length).map { _ in Int(random.next() % UInt64(vocabulary)) } }
    }

    private static func screens(of bundle: Bundle, threads: Int = 2) throws -> [[UInt8]] {
        let text = text(1, vocabulary: bundle.manifest.model.vocabularySize, sequences: 24, length: 128)
        return try calibrateHeadScreen(
            bundle, sequences: text, pool: ThreadPool(threadCount: threads, instructionSet: .best)
        ) { _ in }.screens.map(\.bytes)
    }

    /// Over a hundred thousand tokens that it has not seen.
    @Test func theLikeliestTokensAreThoseOfTheWholeHead() throws {
        let model = try Model()
        let contents = try Self.screens(of: model.bundle)
        #expect(!contents.isEmpty)
        try model.bundle.adopt(headScreens: contents)
        let engine = try Engine(
            try TransformerWeights(model.bundle), contextLength: 512,
            pool: ThreadPool(threadCount: 2, instructionSet: .best))
        let text = Self.text(2, vocabulary: 4096, sequences: 200, length: 512)
        let found = try HeadAgreement(engine, sequences: text, leading: [1, 4], bits: 4) { _ in }
        #expect(found.rows.map(\.tokens) == [102_400, 102_400])
        for row in found.rows {
            #expect(row.misses == 0, "\(row)")
            // Of a head that is made up several tokens are quicker found in all of it.
            #expect(row.leadBits == nil ? row.fallbacks == row.tokens : row.fallbacks < row.tokens / 100, "\(row)")
        }
        #expect(found.rows[0].leadBits != nil)
        #expect(found.rows[0].bytesPerToken < 0.9 * Double(found.wholeBytes))
    }

    @Test func aCapOfLogitsChangesNothing() throws {
        let model = try Model(cap: 20)
        try model.bundle.adopt(headScreens: try Self.screens(of: model.bundle))
        let engine = try Engine(
            try TransformerWeights(model.bundle), contextLength: 512,
            pool: ThreadPool(threadCount: 2, instructionSet: .best))
        let text = Self.text(3, vocabulary: 4096, sequences: 4, length: 256)
        let found = try HeadAgreement(engine, sequences: text, leading: [1, 3], bits: 2) { _ in }
        #expect(found.rows.allSatisfy { $0.misses == 0 }, "\(found.rows)")
        #expect(found.rows[0].leadBits != nil && found.rows[0].fallbacks < 20, "\(found.rows)")
    }

    @Test func theSameInputGivesTheSameBytesForAnyNumberOfThreads() throws {
        let model = try Model(vocabulary: 2048)
        #expect(try Self.screens(of: model.bundle, threads: 1) == Self.screens(of: model.bundle, threads: 3))
    }

    /// All of a long text has a part in it.
    @Test func theLastSequencesCount() throws {
        let model = try Model(vocabulary: 2048)
        var text = Self.text(4, vocabulary: 2048, sequences: 64, length: 128)
        func bytes() throws -> [[UInt8]] {
            try calibrateHeadScreen(
                model.bundle, sequences: text, pool: ThreadPool(threadCount: 2, instructionSet: .best)
            ) { _ in }.screens.map(\.bytes)
        }
        let before = try bytes()
        #expect(!before.isEmpty)
        text[63] = text[63].reversed()
        #expect(try bytes() != before)
    }

    /// Evidence is about other tokens than the directions, and says what was allowed for.
    @Test func theEvidenceIsOfHeldOutTokens() throws {
        let model = try Model()
        let text = Self.text(1, vocabulary: 4096, sequences: 32, length: 128)
        let result = try calibrateHeadScreen(
            model.bundle, sequences: text, pool: ThreadPool(threadCount: 2, instructionSet: .best)
        ) { _ in }
        for screen in result.screens {
            let (evidence, margin) = (screen.header.evidence, screen.header.margin)
            #expect(evidence.tokens > 800 && evidence.misses == 0)
            #expect(evidence.largest > 2 && evidence.largest <= margin && margin >= 6)
            #expect(evidence.tileRowsForOne >= 1 && evidence.tileRowsForForty >= 5)
        }
    }

    @Test func headsThatCanHaveNoneHaveNone() throws {
        #expect(try Self.screens(of: try Model(vocabulary: 512, headPrecisions: []).bundle).isEmpty)
        // As many bits as would be leading.
        #expect(try Self.screens(of: try Model(vocabulary: 512, headPrecisions: [2, 6]).bundle).isEmpty)
        // Too little text to tell anything.
        for sequences in [[[1]], Self.text(1, vocabulary: 512, sequences: 4, length: 128)] {
            let model = try Model()
            #expect(
                try calibrateHeadScreen(
                    model.bundle, sequences: sequences, pool: ThreadPool(threadCount: 1, instructionSet: .best)
                ) { _ in }.screens.isEmpty)
        }
        // States that are nothing, and weights beyond all bounds or below all.
        #expect(try Self.screens(of: try Model(norm: 0).bundle).isEmpty)
        #expect(try Self.screens(of: try Model(vocabulary: 512, norm: 1e-30, headScale: 1e38).bundle).isEmpty)
        _ = try Self.screens(of: try Model(vocabulary: 512, headScale: 1e-42).bundle)
    }
}
