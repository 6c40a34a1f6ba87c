import Bundle
import Foundation
import Model
import Storage
import Testing

/// `taper calibrate --head-screen`, `taper eval head` and the runner's `--whole-head`, as a user calls them.
@Suite final class HeadScreenCommandTests {
    private let folder: String
    private let bundle: String
    private var text: String { ConverterTests.root + "/samples/calibration.txt" }

    init() throws {
        folder = NSTemporaryDirectory() + "taper-head-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        bundle = folder + "/b.taper"
        let outcome = try TaperProgram.run([
            "convert", ConverterTests.root + "/samples/tiny", "-o", bundle, "--bits", "2,4", "--embedding-bits", "6",
            "--effort", "fast", "--no-quality", "--work", folder + "/work", "-t", "2", "--quiet",
        ])
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func sections() throws -> [String] { try Bundle(path: bundle).sections.map(\.name) }

    @Test func aConversionMakesAScreenAndCalibrateMakesItAgain() throws {
        #expect(try sections().filter { $0.hasPrefix("head.screen") } == ["head.screen.2"])
        let whole = try Bundle(path: bundle).manifest.bytesPerToken(bits: 2)
        #expect(try Bundle(path: bundle).bytesPerToken(bits: 2) < whole)
        let report = try TaperProgram.run(["inspect", bundle])
        #expect(report.output.contains("(whole: "))
        let told = try TaperProgram.run(["inspect", bundle, "--json"]).json
        #expect(told["head_screens"]?.array?.first?["lead_bits"]?.integer == 2)
        let outcome = try TaperProgram.run(["calibrate", bundle, "--head-screen", "--calibration", text, "-t", "2"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("2 leading bits of 2048 rows") && outcome.output.contains("0 misses"))
        #expect(try sections().filter { $0.hasPrefix("head.screen") } == ["head.screen.2"])
        #expect(try Bundle(path: bundle).verify().problems == [])
        let again = try TaperProgram.run([
            "calibrate", bundle, "--head-screen", "--calibration", text, "--json", "--quiet",
        ])
        let screens = try #require(try again.json.array)
        #expect(screens.first?["lead_bits"]?.integer == 2 && screens.first?["misses"]?.integer == 0)
    }

    @Test func whatItFindsIsComparedWithTheWholeHead() throws {
        let outcome = try TaperProgram.run(
            ["eval", "head", bundle, "-f", text, "--windows", "8", "--window", "64", "--json", "--quiet"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        #expect(results.compactMap { $0["leading"]?.integer } == [1, 40, 1, 40])
        for result in results {
            #expect(result["tokens"]?.integer == 8 * 64 && result["misses"]?.integer == 0, "\(result.text())")
            // Forty of 2,048 tokens are read from the whole head.
            #expect((result["lead_bits"]?.isNull == true) == (result["leading"]?.integer == 40))
        }
        let table = try TaperProgram.run(["eval", "head", bundle, "-f", text, "--windows", "1", "--bits", "2"])
        #expect(table.output.contains("other than whole"))
    }

    @Test func aHeadInBytesHasNone() throws {
        let path = folder + "/bytes.taper"
        let made = try TaperProgram.run([
            "convert", ConverterTests.root + "/samples/tiny", "-o", path, "--bits", "2", "--effort", "fast",
            "--no-quality", "--work", folder + "/work", "-t", "2", "--quiet",
        ])
        #expect(made.status == 0, "\(made.errors)")
        let outcome = try TaperProgram.run(["calibrate", path, "--head-screen", "--calibration", text, "-t", "2"])
        #expect(outcome.status == 0 && outcome.output.contains("it would save nothing"), "\(outcome.errors)")
        let check = try TaperProgram.run(["eval", "head", path, "-f", text])
        #expect(check.status == 64 && check.errors.contains("there is nothing to compare"), "\(check.errors)")
        #expect(check.errors.contains("--head-screen"))
    }

    @Test func saysWhatIsMissing() throws {
        let outcome = try TaperProgram.run(["calibrate", bundle, "--head-screen"])
        #expect(outcome.status == 64 && outcome.errors.contains("--calibration"))
        for wrong in ["", "0", "1,", "x", "2000"] {
            let outcome = try TaperProgram.run(["eval", "head", bundle, "-f", text, "--leading", wrong])
            #expect(outcome.status == 64 && outcome.errors.contains("--leading"), "\(wrong): \(outcome.errors)")
        }
    }

    @Test func theRunnerReadsTheWholeHeadWhereItIsAsked() throws {
        func run(_ flags: [String]) throws -> JSONValue {
            let outcome = try TaperProgram.runRunner(
                ["-m", bundle, "-p", "Once", "-n", "8", "--json", "--quiet"] + flags)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try outcome.json
        }
        let (plain, whole) = (try run([]), try run(["--whole-head"]))
        #expect(plain["tokens"]?.text() == whole["tokens"]?.text())
        #expect(whole["head_rows_per_token"]?.isNull == true)
        let rows = try #require(plain["head_rows_per_token"]?.double)
        #expect(rows >= 8 && rows < 2048)
    }
}
