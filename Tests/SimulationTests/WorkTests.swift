import Bundle
import Kernels
import Model
import Runtime
import Simulation
import Storage
import Testing

/// The simulator counts from shapes, the runner where it reads and multiplies: both must come to the same.
@Suite struct WorkTests {
    private static let bundles: [String] = {
        func all(_ folder: String) -> [String] {
            ((try? Files.list(SampleFiles.root + "/formats/golden/" + folder)) ?? []).filter { $0.hasSuffix(".taper") }
                .sorted().map { folder + "/" + $0 }
        }
        return all("families") + all("written") + [
            "valid/whole.taper", "valid/nested-embedding.taper", "valid/half.taper",
        ]
    }()

    /// A prompt in blocks, then steps at every precision and along a falling schedule.
    @Test(arguments: bundles)
    func bytesAndMultiplicationsAreTheRunners(_ name: String) throws {
        let bundle = try Bundle(path: SampleFiles.root + "/formats/golden/" + name)
        let shape = try ModelShape(bundle)
        let config = bundle.manifest.model
        let steps = 4
        let prompt = min(40, config.contextLength - steps - 1)
        try #require(prompt > 0 && shape.served.count > 0)
        let falling = (0..<steps).map { shape.served[max(0, shape.served.count - 1 - $0)] }
        for bits in shape.served.map({ [Precision](repeating: $0, count: steps) }) + [falling] {
            let engine = try Engine(
                TransformerWeights(bundle), contextLength: prompt + steps,
                pool: ThreadPool(threadCount: 1, instructionSet: .best))
            var hardware = try SampleFiles.hardware("edge-npu-2tops")
            // As many rows as the runner's block, which the context bounds.
            hardware.prefillRows = prompt
            let result = try Simulation(shape, on: hardware).run(
                PrecisionTrace(promptTokens: prompt, prefillBits: bits[0], bitsPerStep: bits))
            let sequence = try engine.makeSequence()
            try engine.read((0..<prompt).map { $0 % config.vocabularySize }, into: sequence, bits: bits[0])
            try expect(engine.counts, result.prefill, "\(name) prompt at \(bits[0])")
            for (step, bits) in bits.enumerated() {
                let before = engine.counts
                try engine.read([step % config.vocabularySize], into: sequence, bits: bits)
                try expect(engine.counts.since(before), [result.decode[step]], "\(name) step \(step) at \(bits)")
                // And the formulas by which programs report.
                let work = result.decode[step].work
                #expect(engine.weights.bytesPerToken(bits: bits) == work.weightBytes)
                #expect(engine.weights.cacheBytes(at: prompt + step + 1) == work.cacheBytes)
            }
        }
    }

    private func expect(_ counts: WorkCounts, _ passes: [PassResult], _ what: String) throws {
        var work = Work()
        for pass in passes { work += pass.work }
        #expect(counts.weightBytes == work.weightBytes, "\(what)")
        #expect(counts.cacheBytes == work.cacheBytes, "\(what)")
        #expect(counts.weightMultiplications == work.weightMultiplications, "\(what)")
        #expect(counts.cacheMultiplications == work.cacheMultiplications, "\(what)")
    }

    @Test func energyIsTheSumOfItsParts() throws {
        var hardware = try SampleFiles.hardware("edge-npu-2tops")
        let trace = PrecisionTrace(promptTokens: 4, prefillBits: 3, bitsPerStep: [3, 3])
        let pass = try #require(
            try Simulation(try SampleFiles.shape("phi-1.5"), on: hardware).run(trace).decode.last)
        let work = pass.work
        let config = try SampleFiles.shape("phi-1.5").config
        let blocks = config.linearParts().reduce(0) { $0 + $1.rows * $1.columns } * config.layerCount
        let head = config.vocabularySize * config.hiddenSize
        #expect(work.lookups == blocks && work.weightMultiplications == blocks + head)
        // Codes are 8-bit centroids by look-up; the head and the cache are halves.
        let computing = Double(blocks) * (0.25 + 0.3) + Double(head + work.cacheMultiplications) * 1.5
        #expect(abs(work.computingPicojoules / computing - 1) < 1e-12)
        let read = Double(work.movedBytes - work.writtenBytes)
        let expected =
            Double(work.movedBytes) * 32 + (2 * read + Double(work.writtenBytes)) * 2.5 + computing
            + Double(work.elementOperations)
        let dynamic = work.energy(on: hardware, seconds: 0)
        #expect(abs(dynamic / (expected * 1e-12) - 1) < 1e-12)
        #expect(abs(work.energy(on: hardware, seconds: 2) - dynamic - 0.4) < 1e-12)
        hardware.staticWatts = 0
        #expect(work.energy(on: hardware, seconds: 2) == dynamic)
    }
}
