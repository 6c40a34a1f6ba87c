import Bundle
import Pipeline
import Storage
import Testing

import class Foundation.FileManager

/// `taper stage`: stages one by one, and what they are made from.
@Suite struct StageCommandTests {
    private let folder: ScratchPath
    private let making: [String]

    init() throws {
        folder = try ScratchPath()
        making = [
            TaperProgram.root + "/samples/tiny", "--recipe", try SmallRecipe.write(to: folder.path), "--work",
            folder.path + "/w", "-t", "1", "--quiet",
        ]
    }

    private func taper(_ arguments: [String]) throws -> TaperProgram.Outcome {
        let outcome = try TaperProgram.run(arguments + making)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    private func kinds() throws -> Set<String> {
        Set(try Files.list(folder.path + "/w").map { $0.split(separator: "-").dropLast().joined(separator: "-") })
    }

    @Test func theStagesAreListedWithoutACheckpoint() throws {
        let outcome = try TaperProgram.run(["stage", "list"])
        let names = outcome.output.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(
            names == [
                "range", "own-text", "arrange", "sensitivity", "guide", "quantize-jointly", "quantize", "tune", "pack",
                "screen", "rungs", "calibrate", "learned", "quality",
            ])
        let json = try TaperProgram.run(["stage", "list", "--json"]).json
        #expect(json["schema"]?.string == "taper-stages-1")
        #expect(json["kinds"]?.array?.compactMap { $0["name"]?.string } == names)
    }

    @Test func thePlanIsAGraphAndEveryStageOfItCanBeRunAlone() throws {
        let plan = try taper(["stage", "plan"]).json
        #expect(plan["schema"]?.string == "taper-stages-1")
        let stages = try #require(plan["stages"]?.array)
        var known: Set<String> = []
        for stage in stages {
            // In an order in which each can be made.
            for need in stage["needs"]?.array ?? [] { #expect(known.contains(try #require(need.string))) }
            #expect(known.insert(try #require(stage["key"]?.string)).inserted)
            #expect(stage["stored"]?.bool == false && stage["version"]?.integer != nil)
            #expect(stage["inputs"]?.members?.isEmpty == false)
        }
        #expect(!Files.exists(folder.path + "/w"))

        // What it needs, and nothing else.
        let arranged = try taper(["stage", "run", "arrange"])
        #expect(arranged.output.hasPrefix("arrange  " + folder.path + "/w/arrange-"))
        #expect(try kinds() == ["range", "own-text", "arrange"])
        _ = try taper(["stage", "run", "quantize-jointly:model.layers.1.mlp.up_proj.weight"])
        #expect(try kinds() == ["range", "own-text", "arrange", "guide", "quantize-jointly"])
        let rungs = try taper(["stage", "run", "rungs", "--json"]).json
        #expect(rungs["made"]?.integer ?? 0 > 20)
        #expect(
            try kinds() == [
                "range", "own-text", "arrange", "guide", "quantize-jointly", "quantize", "tune", "rungs",
            ])
        #expect(try Files.list(folder.path + "/w").filter { $0.hasPrefix(".") } == [])
        _ = try taper(["stage", "run", "pack", "-o", folder.path + "/packed.taper"])
        let packed = try Bundle(path: folder.path + "/packed.taper")
        #expect(try packed.verify().isSound && packed.schedules().isEmpty && packed.json("quality") == nil)

        let missing = Set(try kinds())
        let report = try taper(["convert", "-o", folder.path + "/a.taper", "--json"]).json
        // The screen, the schedule and the quality were left.
        #expect(report["stage_outputs_made"]?.integer == 3 && !missing.contains("quality"))
        let listed = try #require(try taper(["stage", "list", "--json"]).json["stages"]?.array)
        #expect(listed.map { $0["key"]?.string } == stages.map { $0["key"]?.string })
        for stage in listed {
            #expect((stage["stored"]?.bool == true) == (stage["name"]?.string != "pack"))
            if let path = stage["path"]?.string {
                #expect(FileStatus(path: path)?.byteCount == stage["bytes"]?.integer)
            }
        }
        // The same bytes as without any of this.
        let other = ["--recipe", making[2], "--work", folder.path + "/other", "-t", "2", "--quiet"]
        #expect(try TaperProgram.run(["convert", making[0], "-o", folder.path + "/b.taper"] + other).status == 0)
        #expect(
            try Files.read(folder.path + "/a.taper", limit: 1 << 26)
                == Files.read(folder.path + "/b.taper", limit: 1 << 26))
    }

    @Test func whyAStageWouldBeMadeAgainIsSaid() throws {
        func explain(_ more: [String]) throws -> JSONValue {
            let outcome = try TaperProgram.run(["stage", "explain", "arrange", "--json"] + making + more)
            return try #require(try outcome.json["stages"]?.array?.first)
        }
        #expect(try explain([])["reason"]?.string?.contains("no earlier output") == true)
        _ = try taper(["stage", "run", "arrange"])
        #expect(try explain([])["reason"]?.string?.contains("would be used") == true)
        let other = try explain(["--calibration", TaperProgram.root + "/samples/tiny/heldout.txt"])
        #expect(other["differs"]?.array?.map(\.string) == ["text"] && other["stored"]?.bool == false)
        #expect(other["reason"]?.string?.contains("differ: text") == true)
        let path = try #require(try explain([])["path"]?.string)
        try Damage.flippedMiddle.apply(to: path)
        #expect(try explain([])["reason"]?.string?.contains("damaged") == true)
        let text = try taper(["stage", "explain", "quantize:model.embed_tokens.weight"]).output
        for part in ["setting     settings: precisions [5]", "input       ", "key         ", "file        "] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
    }

    @Test(arguments: [
        ["run", "none-such"], ["explain", "quantize:none-such"], ["run", "pack"], ["run", "arrange", "-o", "x.taper"],
        ["run", "learned"],
    ])
    func whatThereIsNotIsRefused(_ arguments: [String]) throws {
        let outcome = try TaperProgram.run(["stage"] + arguments + making)
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(!Files.exists(folder.path + "/w"))
    }

    @Test(arguments: [
        ("calibrate:none-such", "calibrate:answer"), ("arrange:none-such", "arrange"),
        ("quantize:none-such", "quantize:model.embed_tokens.weight"),
    ])
    func whatThereIsIsNamed(name: String, known: String) throws {
        let outcome = try TaperProgram.run(["stage", "explain", name] + making)
        #expect(outcome.errors.hasSuffix("expected one of \(known)\n"), "\(outcome.errors)")
    }
}
