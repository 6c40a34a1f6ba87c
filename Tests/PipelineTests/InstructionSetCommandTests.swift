import Foundation
import Storage
import Testing

/// `TAPER_ISA` rules every module with instructions of its own: the quantizer and gradients too.
@Suite struct InstructionSetCommandTests {
    @Test func conversionsOfEverySetGiveTheSameBytes() throws {
        let folder = NSTemporaryDirectory() + "taper-isa-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let samples = TaperProgram.root + "/samples/"
        let recipe = """
            {"schema": "taper-recipe-1", "precisions": [2, 4], "seed_bits": 2, "method": "joint", "guided": true,
             "calibration": {"text": "\(samples)tiny/calibration.txt", "sequences": 4, "length": 128}}
            """
        try AtomicFile.write(Array(recipe.utf8), to: folder + "/recipe.json", replacing: false)
        func bundle(_ set: String) throws -> [UInt8] {
            let outcome = try Shell.run(
                "TAPER_ISA=\(set) $TAPER convert $1 -o $2/\(set).taper --recipe $2/recipe.json --work $2/\(set) --quiet",
                [samples + "tiny", folder])
            try #require(outcome.status == 0, "\(outcome.errors)")
            return try Files.read(folder + "/\(set).taper", limit: 1 << 30)
        }
        let best = try bundle("")
        #expect(try bundle("scalar") == best)
        // Sets of another processor are refused by name.
        let other = try Shell.run("TAPER_ISA=avx2 $TAPER inspect $1; uname -m", [folder + "/scalar.taper"])
        if other.output.contains("x86_64") { #expect(try bundle("avx2") == best) }
    }

    @Test func aSetThatIsNotThereIsRefused() throws {
        let outcome = try Shell.run(
            "TAPER_ISA=quantum $TAPER logits $1 --tokens 1", [TaperProgram.root + "/samples/tiny"])
        #expect(outcome.status == 64 && outcome.errors.contains("TAPER_ISA"), "\(outcome.errors)")
    }
}
