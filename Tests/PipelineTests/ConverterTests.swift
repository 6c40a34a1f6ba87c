import Bundle
import struct Foundation.URL
import struct Foundation.UUID
import class Foundation.FileManager
import Model
import Pipeline
import Storage
import Testing

/// The whole pipeline on the project's own small checkpoint.
@Suite struct ConverterTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private func convert(
        _ folder: String, _ name: String, work: String, threads: Int, precisions: [Int]? = nil, rungs: [Precision] = [],
        input: String = root + "/samples/tiny"
    ) throws -> ConversionReport {
        var recipe = try Recipe(path: Self.root + "/pipelines/tiny.json")
        recipe.calibrationSequences = 4
        recipe.quality?.windows = 4
        recipe.tasks = []
        if let precisions { recipe.precisions = precisions }
        if !rungs.isEmpty {
            recipe.effort = .fast
            recipe.rungs = rungs
        }
        recipe.seedBits = min(recipe.seedBits, recipe.nestedPrecisions.last ?? 8)
        return try Converter(
            input: input, output: folder + "/" + name, recipe: recipe,
            options: Converter.Options(
                threads: threads, workFolder: folder + "/" + work, restart: false, force: false, allowNonfinite: false),
            progress: Progress(.quiet)
        ).run()
    }

    @Test func perplexityRisesAsBitsFallAndRunsRepeat() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/taper-convert-" + UUID().uuidString
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let first = try convert(folder, "a.taper", work: "w", threads: 1)
        let results = try #require(first.quality?["results"]?.array)
        func perplexity(_ bits: Int?) throws -> Double {
            try #require(results.first { $0["bits"]?.integer == bits }?["perplexity"]?.double)
        }
        let full = try perplexity(nil)
        #expect(try perplexity(6) < full * 1.02)
        // The first steps are small enough to be noise.
        #expect(try perplexity(4) > full)
        #expect(try perplexity(3) > perplexity(4))
        #expect(try perplexity(2) > perplexity(3) * 1.05)
        #expect(first.reusedCount == 0)

        let again = try convert(folder, "b.taper", work: "w", threads: 2)
        #expect(again.madeCount == 0 && again.reusedCount == first.madeCount)
        // Nor do names of folders come into the bundle.
        let renamed = folder + "/the same by another name"
        try FileManager.default.copyItem(atPath: Self.root + "/samples/tiny", toPath: renamed)
        let fresh = try convert(folder, "c.taper", work: "other", threads: 3, input: renamed)
        #expect(fresh.reusedCount == 0)
        let bytes = try Files.read(folder + "/a.taper", limit: 1 << 26)
        #expect(try Files.read(folder + "/b.taper", limit: 1 << 26) == bytes)
        #expect(try Files.read(folder + "/c.taper", limit: 1 << 26) == bytes)
        #expect(try Bundle(path: folder + "/a.taper").verify().isSound)
        #expect(throws: TaperError(.cannotCreate, "")) { try convert(folder, "a.taper", work: "w", threads: 1) }

        _ = try Converter.cut(from: folder + "/a.taper", to: folder + "/small.taper", maxBits: 3, force: false)
        #expect(try Bundle(path: folder + "/small.taper").manifest.precisions == [2, 3])
    }

    @Test func sixteenBitsEqualFullPrecisionAlmost() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/taper-half-" + UUID().uuidString
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let report = try convert(folder, "a.taper", work: "w", threads: 2, precisions: [2, 4, 16])
        let results = try #require(report.quality?["results"]?.array)
        let item = try #require(results.first { $0["bits"]?.integer == 16 })
        // What is left are the head in bytes and the cache in half precision.
        #expect(try #require(item["kl_mean"]?.double) < 1e-3)
        #expect(try #require(item["top1_agreement"]?.double) > 0.98)
        #expect(try Bundle(path: folder + "/a.taper").verify().isSound)

        // Codes do not depend on whether 16 bits are made beside them.
        let low = try convert(folder, "b.taper", work: "w", threads: 1, precisions: [2, 4])
        _ = try Converter.cut(from: folder + "/a.taper", to: folder + "/cut.taper", maxBits: 4, force: false)
        #expect(low.reusedCount > 20)
        let (cut, made) = (try Bundle(path: folder + "/cut.taper"), try Bundle(path: folder + "/b.taper"))
        #expect(cut.sections.map(\.name) == made.sections.map(\.name))
        for name in ["linear.planes.2", "linear.tables.4"] { #expect(try cut.section(name) == made.section(name)) }
    }

    @Test func rungsLieBetweenTheirNeighbours() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/taper-rungs-" + UUID().uuidString
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let wanted = [250, 350].map { Precision(hundredths: $0) }
        let path = folder + "/a.taper"
        let report = try convert(folder, "a.taper", work: "w", threads: 1, precisions: [2, 3, 4], rungs: wanted)
        let bundle = try Bundle(path: path)
        #expect(bundle.verify().problems == [])
        let served = try bundle.servedPrecisions()
        #expect(served.count == 5 && served[1].isRung && served[3].isRung)
        let results = try #require(report.quality?["results"]?.array).dropFirst()
        #expect(results.map { Precision(json: $0["bits"]) } == served)
        func values(_ key: String) throws -> [Double] { try results.map { try #require($0[key]?.double) } }
        let (bytes, divergences) = (try values("bytes_per_token"), try values("kl_mean"))
        #expect(zip(bytes, bytes.dropFirst()).allSatisfy { $0 < $1 })
        #expect(zip(divergences, divergences.dropFirst()).allSatisfy { $0 > $1 }, "\(divergences)")

        let again = try convert(folder, "b.taper", work: "w", threads: 2, precisions: [2, 3, 4], rungs: wanted)
        #expect(again.madeCount == 0)
        _ = try convert(folder, "c.taper", work: "other", threads: 3, precisions: [2, 3, 4], rungs: wanted)
        for name in ["b", "c"] {
            #expect(try Files.read(folder + "/\(name).taper", limit: 1 << 26) == Files.read(path, limit: 1 << 26))
        }

        // In place: the same averages give the same rungs, others replace them and the results of the old ones.
        func calibrate(_ averages: [Precision]) throws -> [Rung] {
            try BundleCalibration(try BundleEdit(path: path), threads: 2, progress: Progress(.quiet)).findRungs(
                averages, textPath: Self.root + "/samples/tiny/calibration.txt",
                checkpointPath: Self.root + "/samples/tiny"
            ).rungs
        }
        #expect(try calibrate(wanted).map(\.bits) == bundle.rungs().map(\.bits))
        #expect(try calibrate([wanted[0]]).map(\.bits) == [bundle.rungs()[0].bits])
        let changed = try Bundle(path: path)
        #expect(try changed.servedPrecisions().count == 4 && changed.verify().isSound)
        let left = try #require(try changed.json("quality")?["results"]?.array)
        #expect(left.count == 4 && !left.contains { Precision(json: $0["bits"])?.isRung ?? false })
        #expect(throws: TaperError(.usage, "")) { try calibrate([3]) }
    }

    @Test func outputNeverReplacesTheCheckpoint() throws {
        for name in ["config.json", "model.safetensors"] {
            #expect(throws: TaperError(.usage, "")) {
                try Converter(
                    input: Self.root + "/samples/tiny", output: Self.root + "/samples/tiny/" + name, recipe: Recipe(),
                    options: Converter.Options(
                        threads: 1, workFolder: nil, restart: false, force: true, allowNonfinite: false),
                    progress: Progress(.quiet))
            }
        }
    }
}
