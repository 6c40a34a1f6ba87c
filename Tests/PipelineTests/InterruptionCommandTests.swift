import Foundation
import Storage
import Testing

/// A conversion that is stopped says so, leaves nothing half-written, and goes on where it stood.
@Suite struct InterruptionCommandTests {
    /// SIGINT and SIGTERM after so many milliseconds: somewhere in the work, or before or after it.
    @Test(arguments: [("INT", 130, 150), ("TERM", 143, 300), ("INT", 130, 600)])
    func aStoppedConversionGoesOn(signal: String, status: Int32, milliseconds: Int) throws {
        let folder = NSTemporaryDirectory() + "taper-interrupted-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let samples = TaperProgram.root + "/samples/"
        let recipe = """
            {"schema": "taper-recipe-1", "precisions": [2, 4], "seed_bits": 2, "effort": "fast",
             "calibration": {"text": "\(samples)tiny/calibration.txt", "sequences": 4, "length": 256},
             "quality": {"text": "\(samples)tiny/heldout.txt", "window": 128, "windows": 2}}
            """
        try AtomicFile.write(Array(recipe.utf8), to: folder + "/recipe.json", replacing: false)
        let arguments = [samples + "tiny", folder, folder + "/recipe.json"]
        let convert = "$TAPER convert $1 --recipe $3 -t 1 --work"
        let whole = try Shell.run("\(convert) $2/a -o $2/whole.taper", arguments)
        try #require(whole.status == 0, "\(whole.errors)")
        let stopped = try Shell.run(
            """
            \(convert) $2/b -o $2/stopped.taper & pid=$!
            sleep \(Double(milliseconds) / 1000); kill -\(signal) $pid; wait $pid
            """, arguments)
        // A fast machine may have been done before.
        if stopped.status != 0 {
            #expect(stopped.status == status, "\(stopped.errors)")
            #expect(stopped.errors.contains("interrupted by signal"), "\(stopped.errors)")
            #expect(stopped.errors.contains("Run the same command again to go on"), "\(stopped.errors)")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(!files.contains { $0.hasPrefix("stopped") }, "\(files)")
        }
        let resumed = try Shell.run("\(convert) $2/b -o $2/stopped.taper --force", arguments)
        #expect(resumed.status == 0, "\(resumed.errors)")
        let bytes = try ["whole", "stopped"].map { try Files.read(folder + "/\($0).taper", limit: 1 << 30) }
        #expect(bytes[0] == bytes[1])
    }

    /// Whatever stage it is in, and whether it is a whole conversion or one stage.
    @Test(arguments: [
        ("convert", "range"), ("convert", "weigh positions"), ("convert", "tune"), ("convert", "rungs"),
        ("stage run tune", "range"),
    ])
    func itSaysHowToGoOn(command: String, stage: String) throws {
        let folder = try ScratchPath()
        let recipe = try SmallRecipe.write(to: folder.path)
        let output = command == "convert" ? " -o $2/a.taper" : ""
        for restart in ["", " --restart"] {
            let stopped = try Shell.run(
                """
                rm -f $2/log  # that of the round before would be read, too
                $TAPER \(command) $1 --recipe $3\(restart) -t 1 --work $2/work\(output) 2> $2/log &
                pid=$!
                until grep -sq "^\(stage) \\.\\.\\." $2/log; do kill -0 $pid || break; sleep 0.002; done
                kill -INT $pid; wait $pid; status=$?; cat $2/log >&2; exit $status
                """, [TaperProgram.root + "/samples/tiny", folder.path, recipe])
            #expect(stopped.status == 130, "\(stopped.errors)")
            let how = restart.isEmpty ? "again" : "without --restart"
            #expect(stopped.errors.contains("Run the same command \(how) to go on"), "\(stopped.errors)")
            #expect(!stopped.errors.contains("Nothing was written"), "\(stopped.errors)")
        }
    }
}
