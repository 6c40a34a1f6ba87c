import Storage
import Testing

import struct Foundation.Date
import class Foundation.FileManager

/// `taper cache`: what intermediate results there are, and removing them.
@Suite struct CacheCommandTests {
    private let folder: ScratchPath
    private var work: String { folder.path + "/w" }

    init() throws {
        folder = try ScratchPath()
        let made = try TaperProgram.run([
            "convert", TaperProgram.root + "/samples/tiny", "-o", folder.path + "/a.taper", "--bits", "2,3",
            "--no-calibrate", "--work", folder.path + "/w", "-t", "1", "--quiet",
        ])
        #expect(made.status == 0, "\(made.errors)")
    }

    private func cache(_ arguments: [String]) throws -> TaperProgram.Outcome {
        try TaperProgram.run(["cache"] + arguments + ["--work", work])
    }

    private func bytes() throws -> Int {
        try Files.list(work).reduce(0) { $0 + (FileStatus(path: work + "/" + $1)?.byteCount ?? 0) }
    }

    @Test func resultsAreListedByStage() throws {
        let json = try cache(["list", "--json"]).json
        #expect(json["schema"]?.string == "taper-cache-1" && json["path"]?.string == work)
        #expect(try json["bytes"]?.integer == bytes())
        let stages = try #require(json["stages"]?.array)
        #expect(stages.map { $0["stage"]?.string } == ["range", "quantize"])
        #expect(try stages.reduce(0) { $0 + ($1["count"]?.integer ?? 0) } == Files.list(work).count)
        let text = try cache(["list"]).output
        #expect(text.contains("quantize") && text.contains("in " + work))
        // A folder that is not there holds nothing.
        let none = try TaperProgram.run(["cache", "list", "--json", "--work", folder.path + "/none"])
        #expect(try none.status == 0 && none.json["count"]?.integer == 0)
        #expect(!Files.exists(folder.path + "/none"))
    }

    @Test(arguments: ["list", "prune"]) func aFileIsNoStore(_ command: String) throws {
        let file = work + "/" + (try #require(try Files.list(work).first))
        let outcome = try TaperProgram.run(["cache", command, "--work", file])
        #expect(outcome.status == 66 && outcome.errors.contains("is not a folder"), "\(outcome.errors)")
    }

    @Test func oldResultsGoByDefaultAndAllOnlyWhenAsked() throws {
        let all = try bytes()
        #expect(try cache(["prune"]).output.contains("freed 0 B (0 files)") && bytes() == all)
        let name = try #require(try Files.list(work).first { $0.hasPrefix("range-") })
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -31 * 86400)], ofItemAtPath: work + "/" + name)
        #expect(try cache(["prune", "--dry-run"]).output.contains("would free") && bytes() == all)
        #expect(try cache(["prune", "--json"]).json["removed"]?.integer == 1)
        #expect(!Files.exists(work + "/" + name))
        #expect(try cache(["prune", "--max-size", "1MB"]).status == 0)
        #expect(try bytes() <= 1_000_000 && bytes() > 0)
        #expect(try cache(["prune", "--all"]).status == 0)
        #expect(try Files.list(work).isEmpty)
        // Nothing of it was needed for good.
        let again = try TaperProgram.run([
            "convert", TaperProgram.root + "/samples/tiny", "-o", folder.path + "/b.taper", "--bits", "2,3",
            "--no-calibrate", "--work", work, "-t", "1", "--quiet",
        ])
        #expect(again.status == 0)
        #expect(
            try Files.read(folder.path + "/a.taper", limit: 1 << 26)
                == Files.read(folder.path + "/b.taper", limit: 1 << 26))
    }

    @Test(arguments: [
        ["--max-size", "many"], ["--max-size=-1GB"], ["--older-than=-1"], ["--all", "--older-than", "3"],
        ["--max-size", "nan"], ["--max-size", "0x10"], ["--max-size", "1e3"],
    ])
    func limitsThatAreNoneAreRefused(_ arguments: [String]) throws {
        let all = try bytes()
        #expect(try cache(["prune"] + arguments).status == 64)
        #expect(try bytes() == all)
    }
}
