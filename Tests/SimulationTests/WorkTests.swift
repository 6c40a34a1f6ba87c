import Bundle
import Decoding
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
                TransformerWeights(bundle, headScreens: []), contextLength: prompt + steps,
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
                #expect(engine.cacheBytes(at: prompt + step + 1) == work.cacheBytes)
            }
        }
    }

    /// A prompt longer than the engine's block goes through in several, each of which reads all weights; the head is read
    /// for the last alone.
    @Test(arguments: bundles)
    func longPromptsAreTheRunners(_ name: String) throws {
        let bundle = try Bundle(path: SampleFiles.root + "/formats/golden/" + name)
        let shape = try ModelShape(bundle)
        let pool = ThreadPool(threadCount: 1, instructionSet: .best)
        for bits in Set([shape.served.first, shape.served.last].compactMap { $0 }) {
            let engine = try Engine(TransformerWeights(bundle, headScreens: []), contextLength: 1200, pool: pool)
            let block = engine.rowLimit
            for prompt in [block, block + 1, 2 * block + 37] {
                let result = try prefill(shape, tokens: prompt, rows: block, bits: bits)
                #expect(result.count == (prompt + block - 1) / block && (prompt == block || result.count > 1))
                let before = engine.counts
                try engine.read(tokens(prompt, bundle), into: try engine.makeSequence(), bits: bits)
                try expect(engine.counts.since(before), result, "\(name) prompt of \(prompt) at \(bits)")
            }
        }
    }

    /// The same of prompts that a batch reads in chunks, as a server does between others' tokens.
    @Test(arguments: bundles)
    func chunksOfPromptsAreTheRunners(_ name: String) throws {
        let bundle = try Bundle(path: SampleFiles.root + "/formats/golden/" + name)
        let shape = try ModelShape(bundle)
        let bits = try #require(shape.served.last)
        let prompt = 40
        for chunk in [1, 7, 16, prompt] {
            let engine = try Engine(
                TransformerWeights(bundle, headScreens: []), contextLength: prompt,
                pool: ThreadPool(threadCount: 1, instructionSet: .best))
            let batch = DecodeBatch<ScheduledPlan>(engine, prefillChunk: chunk)
            let generation = Generation(
                try engine.makeSequence(),
                plan: ScheduledPlan(
                    .fixed(.constant(bits)), sampler: Decoding.Sampler(.greedy), maxNewTokens: 1),
                prompt: tokens(prompt, bundle), limit: 1, stopTokens: [])
            try batch.admit(generation)
            var ticks = 0
            while !batch.isEmpty {
                try batch.tick()
                ticks += 1
            }
            #expect(generation.failure == nil && ticks == (prompt + chunk - 1) / chunk)
            let result = try prefill(shape, tokens: prompt, rows: chunk, bits: bits)
            try expect(engine.counts, result, "\(name) in chunks of \(chunk)")
        }
    }

    private func tokens(_ count: Int, _ bundle: Bundle) -> [Int] {
        (0..<count).map { $0 % bundle.manifest.model.vocabularySize }
    }

    /// A prompt's blocks of so many rows, simulated.
    private func prefill(
        _ shape: ModelShape, tokens: Int, rows: Int, bits: Precision
    ) throws -> [PassResult] {
        var hardware = try SampleFiles.hardware("edge-npu-2tops")
        hardware.prefillRows = rows
        return try Simulation(shape, on: hardware).run(
            PrecisionTrace(promptTokens: tokens, prefillBits: bits, bitsPerStep: [bits])
        ).prefill
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
