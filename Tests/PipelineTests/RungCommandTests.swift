import Bundle
import Model
import Storage
import Testing

import class Foundation.FileManager

/// `taper calibrate --rungs` and what shows rungs afterwards, on the project's own small checkpoint.
@Suite struct RungCommandTests {
    let sample: EvaluatedSample
    let heldout = TaperProgram.root + "/samples/tiny/heldout.txt"
    let calibration = TaperProgram.root + "/samples/tiny/calibration.txt"

    init() throws { sample = try EvaluatedSample.shared.get() }

    @Test func rungsAreFoundListedMeasuredAndScheduled() throws {
        let path = sample.folder + "/rungs.taper"
        try FileManager.default.copyItem(atPath: sample.bundle, toPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let found = try TaperProgram.run([
            "calibrate", path, "--rungs", "2.5,3.5", "--calibration", calibration, "--reference", sample.checkpoint,
            "-t",
            "2", "--quiet",
        ])
        #expect(found.status == 0, "\(found.errors)")
        let bundle = try Bundle(path: path)
        let served = try bundle.servedPrecisions()
        let (low, high) = try (#require(served.dropFirst().first), #require(served.dropLast().last))
        #expect(
            served.count == 4 && low.isRung && high.isRung && abs(low.bits - 2.5) < 0.2 && abs(high.bits - 3.5) < 0.2)
        #expect(found.output.contains(low.text) && found.output.contains("predicted KL"))
        // The schedule that names whole precisions stays.
        #expect(try bundle.schedules().count == 1)

        let listed = try TaperProgram.run(["inspect", path, "--json"]).json["precisions"]?.array ?? []
        #expect(listed.map { Precision(json: $0["bits"]) } == served)
        let bytes = listed.compactMap { $0["bytes_per_token"]?.integer }
        #expect(bytes.count == 4 && zip(bytes, bytes.dropFirst()).allSatisfy { $0 < $1 })
        #expect(try TaperProgram.run(["inspect", path]).output.contains("rungs \(low), \(high)"))

        func measure(_ more: [String]) throws -> TaperProgram.Outcome {
            try TaperProgram.run(
                [
                    "eval", "perplexity", path, "--reference", sample.checkpoint, "-f", heldout, "--window", "64",
                    "--windows", "2", "-t", "2", "--json", "--quiet",
                ] + more)
        }
        let all = try #require(try measure([]).json["results"]?.array)
        #expect(
            all.prefix(5).map { $0["label"]?.string } == [
                "full precision", "4 bits", "\(high) bits (rung)", "\(low) bits (rung)", "2 bits",
            ])
        #expect(all[2]["bits"]?.double == high.bits && all.count == 6)
        let measured = all.dropFirst().prefix(4).compactMap { $0["bytes_per_token"]?.integer }
        #expect(measured.reversed() == bytes)
        let rows =
            try TaperProgram.run(["bench", path, "-p", "0", "-n", "2", "-r", "1", "-t", "1", "-o", "json"])
            .json["rows"]?.array ?? []
        let timed = rows.filter { !($0["label"]?.string ?? "").hasPrefix("static:") }
        #expect(timed.compactMap { $0["bytes_per_token"]?.double }.sorted() == bytes.map { Double($0) })
        #expect(try served.map { try decoded(path, bits: $0) } == bytes)
        let mixed = try #require(try measure(["--schedule", "4@0,\(low)@32"]).json["results"]?.array?.last)
        #expect(mixed["schedule"]?.string == "4@0,\(low)@32")
        #expect(abs((mixed["average_bits"]?.double ?? 0) - (4 + low.bits) / 2) < 1e-4)
        let wrong = try measure(["--bits", "2.25"])
        #expect(wrong.status == 64 && wrong.errors.contains("2, \(low), \(high), 4"), "\(wrong.errors)")
    }

    /// Bytes of weights per token that the runner reports: what it read, less the cache's share.
    private func decoded(_ path: String, bits: Precision) throws -> Int {
        let result = try TaperProgram.runRunner([
            "-m", path, "-p", "Who was", "-n", "4", "--ignore-eos", "--bits", bits.text, "--json", "-t", "1",
        ]).json
        let model = try Bundle(path: path).manifest.model
        let first = try #require(result["prompt_tokens"]?.integer) + 1
        let steps = try #require(result["bits_per_step"]?.array?.count)
        #expect(steps == 3 && result["bits_per_step"]?.array?.allSatisfy { Precision(json: $0) == bits } == true)
        // Keys and values of two bytes at every position that a step sees.
        let positions = Double(first) + Double(steps - 1) / 2
        let cache = positions * Double(model.layerCount * model.kvSize * 4)
        return Int((try #require(result["bytes_per_token"]?.double) - cache).rounded())
    }

    // One after the other: each wants the bundle to itself.
    @Test(
        .serialized,
        arguments: [
            ["--rungs", "2.5"], ["--rungs", "2.5", "--calibration", "x.txt"], ["--task", "t"], [],
            ["--rungs", "3", "--calibration", "x.txt", "--reference", "x"],
            ["--rungs", "4.5", "--calibration", "x.txt", "--reference", "x"],
            ["--rungs", "halves", "--calibration", "x.txt", "--reference", "x"],
            ["--rungs", "2.555", "--calibration", "x.txt", "--reference", "x"],
        ])
    func whatCannotBeDoneIsRefused(_ arguments: [String]) throws {
        let before = try Files.read(sample.bundle, limit: 1 << 26)
        let outcome = try TaperProgram.run(["calibrate", sample.bundle, "--quiet"] + arguments)
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(try Files.read(sample.bundle, limit: 1 << 26) == before)
    }
}
