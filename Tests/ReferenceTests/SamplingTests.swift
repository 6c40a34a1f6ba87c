import Checkpoint
import Foundation
import Kernels
import Model
import Reference
import Storage
import Testing

extension ReferenceModel {
    /// Text of the float model; its tokens are drawn in parallel.
    func sample(
        _ starts: [[Int]], length: Int, temperature: Double = 1, seed: UInt64, threads: Int = 2
    ) throws -> [SampledSequence] {
        let config = config
        return try TextSampling(starts, length: length, temperature: temperature, seed: seed).write(
            with: self, places: 64, bits: .highest,
            pool: ThreadPool(threadCount: threads, instructionSet: .best)
        ) { () throws(TaperError) in ReferenceSequence(config, capacity: length) }
    }
}

@Suite struct SamplingTests {
    /// More than are sampled together, with starts of 1 to 3 tokens.
    private func starts(_ config: ModelConfig, count: Int = 70) -> [[Int]] {
        (0..<count).map { RandomModels.tokens(1 + $0 % 3, config, seed: UInt64($0)) }
    }

    private func model(_ config: ModelConfig, threads: Int = 2) throws -> ReferenceModel {
        try ReferenceModel(RandomModels.source(config, seed: 3), residency: .streamed, threads: threads)
    }

    /// Log-probabilities after every position of one plain pass, [tokens][vocabularySize].
    private func plain(_ model: ReferenceModel, _ tokens: [Int], temperature: Double = 1) throws -> [[Double]] {
        let logits = try model.logits(tokens)
        let width = model.config.vocabularySize
        return tokens.indices.map { position in
            let row = logits[position * width..<(position + 1) * width].map { Double($0) / temperature }
            let largest = row.max() ?? 0
            let total = log(row.reduce(0) { $0 + exp($1 - largest) }) + largest
            return row.map { $0 - total }
        }
    }

    @Test(arguments: RandomModels.families)
    func probabilitiesAreThoseOfAPlainPass(family: String) throws {
        let config = RandomModels.config(family)
        let model = try model(config)
        let starts = starts(config)
        for temperature in [1, 1.7] {
            let sampled = try model.sample(starts, length: 40, temperature: temperature, seed: 11)
            #expect(sampled.count == starts.count)
            var surprise: [Double] = []
            for (start, sequence) in zip(starts, sampled) {
                #expect(sequence.tokens.count == 40 && Array(sequence.tokens.prefix(start.count)) == start)
                #expect(sequence.logProbabilities.count == 40 - start.count)
                let expected = try plain(model, sequence.tokens, temperature: temperature)
                for (index, value) in sequence.logProbabilities.enumerated() {
                    let row = expected[start.count + index - 1]
                    let known = row[sequence.tokens[start.count + index]]
                    #expect(abs(Double(value) - known) < 0.001, "\(family)")
                    // Minus its mean, the entropy.
                    surprise.append(-known + row.reduce(0) { $0 + exp($1) * $1 })
                }
            }
            // Tokens are drawn as often as they are likely: what surprises on average is the entropy, within four standard errors.
            let count = Double(surprise.count)
            let mean = surprise.reduce(0, +) / count
            let variance = surprise.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
            #expect(abs(mean) < 4 * (variance / count).squareRoot(), "\(family): \(mean)")
        }
    }

    @Test(arguments: RandomModels.families)
    func withoutTemperatureTheLikeliestTokenFollows(family: String) throws {
        let config = RandomModels.config(family)
        let model = try model(config)
        for sequence in try model.sample(starts(config, count: 9), length: 24, temperature: 0, seed: 1) {
            let rows = try plain(model, sequence.tokens)
            for position in 3..<24 {
                let row = rows[position - 1]
                #expect(row[sequence.tokens[position]] > (row.max() ?? 0) - 0.001, "\(family)")
            }
        }
    }

    @Test func withoutTemperatureTheSampleCheckpointWritesItsGreedyText() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let model = try ReferenceModel(try Checkpoint.open(root + "/samples/tiny"), residency: .resident, threads: 2)
        let starts = [[0, 50], [0, 300, 20], [400]]
        let sampled = try model.sample(starts, length: 48, temperature: 0, seed: 1)
        for (start, sequence) in zip(starts, sampled) {
            let greedy = try model.greedy(start, maxNewTokens: 48 - start.count, stop: [])
            #expect(sequence.tokens == start + greedy)
        }
    }

    @Test func theSeedAloneDecides() throws {
        let config = RandomModels.config("qwen2")
        let starts = starts(config)
        let first = try model(config, threads: 1).sample(starts, length: 30, seed: 5)
        for threads in [2, 3] {
            let other = try model(config, threads: threads).sample(starts, length: 30, seed: 5)
            #expect(other == first)
        }
        #expect(try model(config).sample(starts, length: 30, seed: 6) != first)
        // Equal starts are continued each in its own way.
        let same = try model(config).sample([[1], [1]], length: 30, seed: 5)
        #expect(same[0].tokens != same[1].tokens)
    }

    @Test func refusesWhatCannotBeContinued() throws {
        let config = RandomModels.config("llama")
        let model = try model(config)
        #expect(try model.sample([], length: 9, seed: 1).isEmpty)
        #expect(try model.sample([[1, 2]], length: 2, seed: 1).map(\.tokens) == [[1, 2]])
        for (starts, length) in [
            ([[1], []], 9), ([[1, 2, 3]], 2), ([[1]], config.contextLength + 1), ([[config.vocabularySize]], 9),
        ] {
            #expect(throws: TaperError(.usage, "")) { try model.sample(starts, length: length, seed: 1) }
        }
    }
}
