import Bundle
import Model
import Simulation
import Storage
import Testing

@Suite struct ModelShapeTests {
    /// Weights in billions, as the models' own pages state them.
    @Test(arguments: [
        ("vicuna-7b", 6.74), ("mobilellama-1.4b", 1.36), ("phi-1.5", 1.42), ("zephyr-3b", 2.80),
        ("smollm2-135m", 0.135),
        ("qwen2.5-coder-1.5b", 1.54),
    ])
    func shapesOfTheSamplesAreTheModels(_ name: String, _ billions: Double) throws {
        let config = try SampleFiles.shape(name).config
        let weights = config.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) }
        #expect(abs(Double(weights) / 1e9 / billions - 1) < 0.01, "\(weights)")
    }

    @Test func aBundleAndItsShapeCostTheSame() throws {
        let bundle = try Bundle(path: SampleFiles.root + "/formats/golden/written/0.1.0-tiny.taper")
        let stored = try ModelShape(bundle)
        let bare = ModelShape(name: "tiny", config: bundle.manifest.model, headBits: 8)
        let hardware = try SampleFiles.hardware("raspberry-pi")
        for bits in stored.served where bits.isWhole {
            let trace = PrecisionTrace(promptTokens: 5, prefillBits: bits, bitsPerStep: [bits, bits, bits])
            let one = try Simulation(stored, on: hardware).run(trace)
            let other = try Simulation(bare, on: hardware).run(trace)
            #expect(one.decode.map(\.seconds) == other.decode.map(\.seconds))
            #expect(one.decode.map(\.work) == other.decode.map(\.work))
        }
    }

    @Test func otherFilesAreRefused() throws {
        #expect(throws: TaperError(.badData, "")) {
            try ModelShape(path: SampleFiles.root + "/samples/hardware/phone.json")
        }
        #expect(throws: TaperError(.noInput, "")) { try ModelShape(path: "/no/such.json") }
    }
}
