import Bundle
import Checkpoint
import struct Foundation.UUID
import class Foundation.FileManager
import Model
import Pipeline
import Quantization
import Storage
import Testing
import Text

/// Calibration on text that the model writes itself.
@Suite struct OwnTextTests {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/taper-own-text-" + UUID().uuidString
        try Files.createDirectory(folder)
    }

    private func convert(
        _ name: String, work: String, generated: Int, text: Bool = true, threads: Int = 2, thorough: Bool = false,
        rungs: [Precision] = []
    ) throws -> ConversionReport {
        var recipe = try Recipe(path: ConverterTests.root + "/pipelines/tiny.json")
        if !text { recipe.calibrationText = nil }
        recipe.precisions = [2, 3]
        recipe.seedBits = 2
        recipe.calibrationSequences = 2
        recipe.calibrationLength = 64
        recipe.generatedSequences = generated
        if thorough {
            recipe.tuning = [TuningPlan(bits: 2, steps: 3, rate: 0.004)]
        } else {
            recipe.method = .kMeans
            recipe.tuning = []
        }
        recipe.rungs = rungs
        recipe.tasks = []
        recipe.quality = nil
        return try Converter(
            input: ConverterTests.root + "/samples/tiny", output: folder + "/" + name, recipe: recipe,
            options: Converter.Options(
                threads: threads, workFolder: folder + "/" + work, restart: false, force: true, allowNonfinite: false),
            progress: Progress(.quiet)
        ).run()
    }

    private func bytes(_ name: String) throws -> [UInt8] { try Files.read(folder + "/" + name, limit: 1 << 26) }

    /// The sequences that a work folder holds.
    private func sequences(_ work: String) throws -> [[Int]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/" + work)
            .filter { $0.hasPrefix("own-text-") }
        #expect(names.count == 1)
        return try bytes(work + "/" + (names.first ?? "")).withBytes { raw throws(TaperError) -> [[Int]] in
            var reader = ByteReader(raw, place: "own text")
            var sequences: [[Int]] = []
            for _ in 0..<(try reader.count("sequences", limit: 100)) {
                var sequence: [Int] = []
                for _ in 0..<(try reader.count("tokens", limit: 100)) { sequence.append(Int(try reader.u32("token"))) }
                sequences.append(sequence)
            }
            return sequences
        }
    }

    @Test func ownTextIsWrittenOnceAndTheSameForAnyThreads() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let first = try convert("a.taper", work: "w", generated: 3, thorough: true)
        #expect(first.reusedCount == 0)
        let again = try convert("b.taper", work: "w", generated: 3, thorough: true)
        #expect(again.madeCount == 0 && again.reusedCount == first.madeCount)
        _ = try convert("c.taper", work: "other", generated: 3, threads: 1, thorough: true)
        #expect(try bytes("b.taper") == bytes("a.taper"))
        #expect(try bytes("c.taper") == bytes("a.taper"))
        let bundle = try Bundle(path: folder + "/a.taper")
        #expect(bundle.manifest.provenance["calibration_generated"]?.integer == 3)

        // A sequence starts with the separator of documents and a token of the text.
        let tokenizer = try Checkpoint.open(ConverterTests.root + "/samples/tiny").tokenizer()
        let text = String(
            decoding: try Files.read(ConverterTests.root + "/samples/tiny/calibration.txt", limit: 1 << 20),
            as: UTF8.self)
        let known = Set(try tokenizer.encode(text, addSpecial: false, parseSpecial: false))
        let sequences = try sequences("w")
        #expect(sequences.map(\.count) == [64, 64, 64] && Set(sequences).count == 3)
        for sequence in sequences {
            #expect(sequence[0] == tokenizer.id(ofToken: "<|endoftext|>") && known.contains(sequence[1]))
        }
    }

    @Test func recipesWithoutOwnTextAreWhatTheyWere() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let plain = try convert("a.taper", work: "w", generated: 0)
        let own = try convert("b.taper", work: "w", generated: 1)
        // Nothing that depends on calibration is shared but norms and embedding.
        #expect(own.reusedCount < 10 && own.madeCount + own.reusedCount == plain.madeCount + 1)
        #expect(try bytes("a.taper") != bytes("b.taper"))
        #expect(try Bundle(path: folder + "/a.taper").manifest.provenance["calibration_generated"] == nil)
    }

    @Test func ownTextAloneCalibrates() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try convert("a.taper", work: "w", generated: 2, text: false, rungs: [Precision(hundredths: 250)])
        let bundle = try Bundle(path: folder + "/a.taper")
        #expect(bundle.verify().isSound)
        #expect(bundle.manifest.provenance["calibration_text"]?.isNull == true)
        #expect(try bundle.servedPrecisions().count == 3)
        let first = try sequences("w").map { $0[0] }
        #expect(first == [0, 0])
    }
}
