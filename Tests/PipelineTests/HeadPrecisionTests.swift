import Foundation
import Storage
import Testing

/// Embedding and head with precisions that follow the layers'.
@Suite struct HeadPrecisionTests {
    @Test
    func theHeadFollowsTheLayersAndInspectCountsWhatIsRead() throws {
        let folder = NSTemporaryDirectory() + "taper-head-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let samples = TaperProgram.root + "/samples/"
        let recipe = """
            {"schema": "taper-recipe-1", "precisions": [2, 4, 6], "seed_bits": 2, "embedding_bits": [4, 6], "tuning": [],
             "calibration": {"text": "\(samples)tiny/calibration.txt", "sequences": 4, "length": 256}}
            """
        try AtomicFile.write(Array(recipe.utf8), to: folder + "/recipe.json", replacing: false)
        let bundle = folder + "/head.taper"
        let made = try TaperProgram.run([
            "convert", samples + "tiny", "-o", bundle, "--recipe", folder + "/recipe.json", "--work", folder + "/work",
            "-t", "2", "--quiet",
        ])
        #expect(made.status == 0, "\(made.errors)")
        let inspected = try #require(try TaperProgram.run(["inspect", bundle, "--json"]).json["precisions"]?.array)
        let evaluated = try #require(
            try TaperProgram.run([
                "eval", "perplexity", bundle, "-f", samples + "tiny/heldout.txt", "--window", "128", "--windows", "2",
                "--json", "--quiet",
            ]).json["results"]?.array)
        var bytes: [Int: Int] = [:]
        for bits in [2, 4, 6] {
            func value(_ list: [JSONValue]) -> Int? {
                list.first { $0["bits"]?.integer == bits }?["bytes_per_token"]?.integer
            }
            let shown = try #require(value(inspected))
            // What runs also reads one row of the embedding.
            let read = try #require(value(evaluated))
            #expect(read >= shown && read - shown < 512)
            bytes[bits] = shown
        }
        let values = [2, 4, 6].compactMap { bytes[$0] }
        #expect(values.count == 3 && values == values.sorted())
    }
}
