import Foundation
import Pipeline
import Storage
import Testing

/// The plain command: no recipe, from any folder, by a program that has nothing beside it.
@Suite struct StandardRecipeTests {
    @Test(arguments: ["calibration", "heldout"]) func textsThatComeWithTheProgramAreThoseOfTheSamples(name: String)
        throws
    {
        let file = try Files.read(ConverterTests.root + "/samples/\(name).txt", limit: 1 << 20)
        let text = name == "calibration" ? Recipe.sampleTexts.calibration : Recipe.sampleTexts.heldout
        #expect(Array(text.utf8) == file, "run Scripts/embed-samples.sh")
    }

    @Test func standardIsTheRecipeForChatWithoutItsTask() throws {
        let (standard, chat) = (
            Recipe.standard(.default), try Recipe(path: ConverterTests.root + "/pipelines/chat.json")
        )
        #expect(standard.precisions == chat.precisions && standard.embeddingPrecisions == chat.embeddingPrecisions)
        #expect(standard.calibrationSequences == chat.calibrationSequences)
        #expect(standard.calibrationLength == chat.calibrationLength && standard.ownSequences == chat.ownSequences)
        #expect(standard.quality?.window == chat.quality?.window && standard.quality?.windows == chat.quality?.windows)
        #expect(standard.effort == .default && standard.effectiveMethod == .joint && !standard.tuningPlans.isEmpty)
        let fast = Recipe.standard(.fast)
        #expect(fast.effectiveMethod == .kMeans && fast.tuningPlans.isEmpty && fast.ownSequences == 0)
        try standard.validate(place: "standard")
        try fast.validate(place: "fast")
    }

    @Test func plainCommandCalibratesAndMeasuresFromAnyFolder() throws {
        let folder = NSTemporaryDirectory() + "taper-plain-" + UUID().uuidString
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Only the binary, in an empty folder.
        try FileManager.default.copyItem(atPath: TaperProgram.path("taper").path, toPath: folder + "/taper")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: folder + "/taper")
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.arguments = [
            "convert", ConverterTests.root + "/samples/tiny", "-o", "plain.taper", "--effort", "fast", "--bits", "2,4",
            "--work", "work", "-t", "2",
        ]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        // A table of quality at the end.
        #expect(said.contains("perplexity") && said.contains("full precision") && said.contains("heldout.txt"))
        let shown = try TaperProgram.run(["inspect", folder + "/plain.taper", "--json"]).json
        #expect(shown["quality"]?["results"]?.array?.count == 3, "\(shown.text())")

        let bare = try TaperProgram.run([
            "convert", ConverterTests.root + "/samples/tiny", "-o", folder + "/bare.taper", "--effort", "fast",
            "--bits",
            "2,4", "--no-calibrate", "--work", folder + "/work", "-t", "2", "--quiet",
        ])
        #expect(bare.status == 0, "\(bare.errors)")
        let bundle = try TaperProgram.run(["inspect", folder + "/bare.taper", "--json"]).json
        #expect(bundle["quality"]?["results"] == nil)
    }

    @Test func dryRunSaysTimeMemoryAndDiskOfEveryStageAndWritesNothing() throws {
        let folder = NSTemporaryDirectory() + "taper-dry-" + UUID().uuidString
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let arguments = [
            "convert", ConverterTests.root + "/samples/tiny", "-o", folder + "/plain.taper", "--work", folder + "/work",
            "--dry-run",
        ]
        let plan = try TaperProgram.run(arguments + ["--json"])
        #expect(plan.status == 0, "\(plan.errors)")
        let stages = try #require(try plan.json["stages"]?.array)
        let names = [
            "read weights", "range", "write own text", "arrange", "weigh positions", "quantize jointly", "quantize",
            "tune",
            "pack", "screen the head", "quality", "write",
        ]
        #expect(stages.map { $0["stage"]?.string } == names)
        for stage in stages {
            #expect((stage["seconds"]?.double ?? -1) >= 0 && (stage["memory_bytes"]?.integer ?? 0) > 0)
        }
        let json = try plan.json
        #expect((json["seconds"]?.double ?? 0) > 0 && (json["work_bytes"]?.integer ?? 0) > 0)
        let text = try TaperProgram.run(arguments)
        for name in names + ["in all", "memory", "disk"] { #expect(text.output.contains(name), "\(name)") }
        #expect(try Files.list(folder).isEmpty)
        // A task's file, precisions and templates are looked at, too.
        for wrong in [["--chat-template", "none-such"], ["--bits", "9"], ["--calibration", folder + "/nothing"]] {
            let outcome = try TaperProgram.run(arguments + wrong)
            #expect([64, 66].contains(outcome.status), "\(wrong): \(outcome.errors)")
        }
    }
}
