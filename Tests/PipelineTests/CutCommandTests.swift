import Foundation
import Storage
import Testing

/// `taper convert BUNDLE --max-bits`: cuts, says what it leaves out, and refuses what it would ignore.
@Suite struct CutCommandTests {
    let bundle = WrittenBundleTests.folder + "/0.1.0-tiny.taper"
    let output = NSTemporaryDirectory() + "taper-cut-\(UUID().uuidString).taper"

    private func cut(_ options: [String]) throws -> TaperProgram.Outcome {
        try TaperProgram.run(["convert", bundle, "-o", output] + options)
    }

    @Test func schedulesThatGoAreNamed() throws {
        defer { Files.remove(output) }
        let outcome = try cut(["--max-bits", "3"])
        #expect(outcome.status == 0 && outcome.errors.contains("the schedule answer is left out"))
        #expect(Files.exists(output))
    }

    @Test func dryRunWritesNothing() throws {
        let outcome = try cut(["--max-bits", "3", "--dry-run"])
        #expect(outcome.status == 0 && outcome.output.contains("2, 3 bits"))
        #expect(!Files.exists(output))
    }

    @Test(arguments: [["--max-bits", "9"], ["--max-bits", "1"], ["--max-bits", "3", "--effort", "fast"]])
    func whatMakesNoSenseIsRefused(options: [String]) throws {
        let outcome = try cut(options)
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(!Files.exists(output))
    }
}
