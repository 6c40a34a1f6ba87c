import Decoding
import Kernels
import Model
import Reference
import Storage
import Testing

/// Keeps all logits it is shown.
private struct RecordingSampler: TokenSampler {
    let greedy: GreedySampler
    var logits: [[Float]] = []

    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        self.logits.append(Array(logits))
        return greedy.sample(logits)
    }
}

/// The float model in the decode loop that all models share.
@Suite struct StepsTests {
    private typealias Run = Generation<FloatPlan<RecordingSampler>>

    private func runs(_ model: ReferenceModel) -> [Run] {
        (0..<9).map { index in
            Generation(
                ReferenceSequence(model.config),
                plan: FloatPlan(RecordingSampler(greedy: model.greedySampler)),
                prompt: RandomModels.tokens(1 + index * 37 % 50, model.config, seed: UInt64(index)),
                limit: 4 + index, stopTokens: [])
        }
    }

    /// Tokens are the same, and logits to single precision: products of several rows round otherwise than those of one.
    @Test(arguments: RandomModels.families, [1, 3, 16, Int.max])
    func everySequenceGetsWhatItWouldHaveGotAlone(_ family: String, _ prefillChunk: Int) throws {
        let config = RandomModels.config(family)
        let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: .resident, threads: 2)
        let alone = runs(model)
        for run in alone {
            let batch = DecodeBatch<FloatPlan<RecordingSampler>>(model)
            try batch.admit(run)
            while !batch.isEmpty { try batch.tick() }
        }
        let together = runs(model)
        let batch = DecodeBatch<FloatPlan<RecordingSampler>>(model, places: 5, prefillChunk: prefillChunk)
        for run in together { try batch.admit(run) }
        while !batch.isEmpty { try batch.tick() }
        for (run, other) in zip(together, alone) {
            #expect(run.tokens == other.tokens && run.tokens.count == run.limit)
            #expect(run.plan.sampler.logits.count == run.limit)
            for (row, expected) in zip(run.plan.sampler.logits, other.plan.sampler.logits) {
                let spread = expected.map(abs).max() ?? 0
                let worst = zip(row, expected).map { abs($0 - $1) }.max() ?? 0
                #expect(worst < 1e-5 * spread, "\(family), chunks of \(prefillChunk): \(worst) of \(spread)")
            }
        }
    }

    /// Logits are those of one plain pass, and can be made of the states that were kept.
    @Test(arguments: RandomModels.families) func allLogitsOfAChunkAreThoseOfAPlainPass(_ family: String) throws {
        let config = RandomModels.config(family)
        let model = try ReferenceModel(RandomModels.source(config, seed: 3), residency: .streamed, threads: 2)
        let tokens = RandomModels.tokens(30, config)
        let expected = try model.logits(tokens)
        let sequence = ReferenceSequence(config, keepsStates: true)
        var rows = Rows<ReferenceSequence>()
        rows.append(tokens[..<20], to: sequence, wanting: .all)
        var logits: [Float] = []
        let first = try model.run(rows, bits: .highest) { for row in $0 { logits += row.logits } }
        rows.removeAll()
        rows.append(tokens[20...], to: sequence, wanting: .last)
        var last: [Float] = []
        let second = try model.run(rows, bits: .highest) { for row in $0 { last += row.logits } }
        #expect(first.isEmpty && second.isEmpty && sequence.position == 30)
        let width = config.vocabularySize
        func expectClose(_ found: [Float], _ wanted: ArraySlice<Float>) {
            #expect(found.count == wanted.count)
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) }, "\(family)")
        }
        expectClose(logits, expected[..<(20 * width)])
        expectClose(last, expected[(29 * width)...])
        expectClose(try model.logits(ofStates: sequence.states), expected[..<(20 * width)] + expected[(29 * width)...])
    }

    /// A sequence whose numbers leave their range ends alone.
    @Test func whoFailsEndsAlone() throws {
        let config = RandomModels.config("llama")
        let sound = RandomModels.source(config, seed: 3)
        // One token's embedding is no number.
        let broken = WeightSource(config: config) { (name: String) throws(TaperError) -> [Float] in
            var values = try sound.read(name)
            if name == TensorName.embedding { values[11 * config.hiddenSize] = .nan }
            return values
        }
        var untied = config
        untied.tiedEmbeddings = false
        let model = try ReferenceModel(
            WeightSource(config: untied) { (name: String) throws(TaperError) -> [Float] in
                try name == TensorName.head ? sound.read(TensorName.embedding) : broken.read(name)
            }, residency: .resident, threads: 1)
        let batch = DecodeBatch<FloatPlan<GreedySampler>>(model)
        let prompts = [[1, 2, 3], [4, 11, 5], [6]]
        let generations = prompts.map { prompt in
            Generation(
                ReferenceSequence(untied), plan: FloatPlan(model.greedySampler), prompt: prompt, limit: 1,
                stopTokens: [])
        }
        for generation in generations { try batch.admit(generation) }
        while !batch.isEmpty { try batch.tick() }
        #expect(generations.map(\.stopReason) == [.length, .failed, .length])
        #expect(generations[1].failure?.message.contains("not finite") == true)
    }
}
