import Checkpoint
import Model
import Reference
import Storage
import Testing

/// Several sequences block by block.
@Suite struct GradientWalkTests {
    @Test(arguments: RandomModels.families)
    func gradientsAreThoseOfSteps(family: String) throws {
        let source = RandomModels.source(RandomModels.config(family), seed: 4)
        let sequences = [9, 1, 66].map { RandomModels.tokens($0, source.config, seed: UInt64($0)) }
        let model = try GradientModel(source, threads: 2)
        let isWanted = { (name: String) in name != TensorName.embedding }
        let expected = try sequences.map { try model.gradients($0, wanted: isWanted) }
        for residency in [ReferenceModel.Residency.resident, .streamed] {
            let walker = try GradientModel(source, residency: residency, threads: 3)
            var found = [[String: [Float]]](repeating: [:], count: sequences.count)
            var shares: [Double] = []
            let losses = try walker.walk(
                sequences, loss: { walker.crossEntropyLoss(sequences[$0]) }, wanted: isWanted,
                progress: { shares.append($0) }
            ) { index, gradient in
                if !gradient.values.isEmpty { found[index][gradient.name] = Array(gradient.values) }
            }
            for index in sequences.indices {
                #expect(losses[index] == expected[index].loss && found[index] == expected[index].values)
            }
            #expect(shares == shares.sorted() && abs((shares.last ?? 0) - 1) < 1e-9)
        }
    }

    @Test func groupsChangeNoWeight() throws {
        let source = RandomModels.source(RandomModels.config("gemma2"), seed: 4)
        let sequences = [9, 30, 1, 20].map { RandomModels.tokens($0, source.config, seed: UInt64($0)) }
        let model = try GradientModel(source, residency: .streamed, threads: 2)
        let whole = try model.tokenWeights(sequences, seed: 3).bytes
        for stateBytes in [0, 4 * 24 * 4 * 40] {
            #expect(try model.tokenWeights(sequences, seed: 3, stateBytes: stateBytes).bytes == whole)
        }
    }

    @Test func nothingAndNonsenseAreHandled() throws {
        let model = try GradientModel(RandomModels.source(RandomModels.config("llama"), seed: 1), threads: 1)
        #expect(try model.walk([], loss: { _ in { _ in 0 } }, wanted: { _ in false }) { _, _ in }.isEmpty)
        #expect(throws: TaperError(.usage, "")) {
            try model.walk([[1], [99]], loss: { _ in { _ in 0 } }, wanted: { _ in false }) { _, _ in }
        }
    }
}
