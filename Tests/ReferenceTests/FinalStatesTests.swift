import Model
import Reference
import Storage
import Testing

/// States that one pass over the model leaves for later stages.
@Suite struct FinalStatesTests {
    private static func sequences(_ config: ModelConfig) -> [[Int]] {
        [9, 4, 13].enumerated().map { RandomModels.tokens($1, config, seed: UInt64($0)) }
    }

    /// Counts how often a tensor is read.
    private final class Reads {
        private(set) var counts: [String: Int] = [:]

        func source(_ config: ModelConfig) -> WeightSource {
            let source = RandomModels.source(config, seed: 1)
            return WeightSource(config: config) { (name: String) throws(TaperError) -> [Float] in
                self.counts[name, default: 0] += 1
                return try source.read(name)
            }
        }
    }

    @Test(arguments: RandomModels.families)
    func whatTheHessiansPassLeavesIsWhatAPassOfItsOwnGives(family: String) throws {
        let config = RandomModels.config(family)
        let sequences = Self.sequences(config)
        let model = try ReferenceModel(RandomModels.source(config, seed: 1), residency: .streamed, threads: 2)
        let known = try model.inputHessians(sequences, wanted: [config.layerCount - 1]) { _, _ in }

        // One sequence is not known, and the known ones come in another order.
        let all = [sequences[2], RandomModels.tokens(6, config, seed: 77), sequences[0], sequences[1]]
        let own = try ReferenceStates(model, sequences: all)
        let shared = try ReferenceStates(model, sequences: all, known: known)
        for index in all.indices {
            var (a, b): ([Float], [Float]) = ([], [])
            try own.logits(of: index, into: &a)
            try shared.logits(of: index, into: &b)
            #expect(a == b && a.count == all[index].count * config.vocabularySize)
        }
        #expect(try model.headHessian(all).values == model.headHessian(all, known: known).values)
    }

    @Test func knownStatesSpareThePass() throws {
        let config = RandomModels.config("llama")
        let sequences = Self.sequences(config)
        let reads = Reads()
        let model = try ReferenceModel(reads.source(config), residency: .streamed, threads: 2)
        let known = try model.inputHessians(sequences, wanted: Set(0..<config.layerCount)) { _, _ in }
        let name = TensorName.weight(.up, layer: 0)
        #expect(reads.counts[name] == 1)
        _ = try model.headHessian(sequences, known: known)
        _ = try ReferenceStates(model, sequences: sequences, known: known)
        #expect(reads.counts[name] == 1)
        _ = try ReferenceStates(model, sequences: sequences)
        #expect(reads.counts[name] == 2)
        // Without the last block there is nothing to leave.
        let none = try model.inputHessians(sequences, wanted: [0]) { _, _ in }
        _ = try model.headHessian(sequences, known: none)
        #expect(reads.counts[name] == 4)
    }

    @Test func aStreamedModelReadsTheEmbeddingOnceForAllSequences() throws {
        let config = RandomModels.config("phi")
        let reads = Reads()
        let model = try ReferenceModel(reads.source(config), residency: .streamed, threads: 2)
        _ = try model.inputMoments(Self.sequences(config))
        #expect(reads.counts[TensorName.embedding] == 1)
        _ = try model.inputHessians(Self.sequences(config), wanted: [1]) { _, _ in }
        #expect(reads.counts[TensorName.embedding] == 2)
    }
}
