import Checkpoint
import struct Foundation.URL
import Kernels
import Model
import Quantization
import Reference
import Storage
import Testing

/// Tuning on the project's own small checkpoint.
@Suite struct TableTunerTests {
    static let path =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/samples/tiny"
    static let sequences: [[Int]] = (0..<3).map { (s: Int) -> [Int] in
        (0..<40).map { (i: Int) -> Int in (s * 37 + i * i * 7 + i) % 200 + 5 }
    }

    private func layers(_ checkpoint: Checkpoint) throws -> [PackedMatrix] {
        let pool = try ThreadPool(threadCount: 2)
        return try checkpoint.config.tensorRequirements().filter(\.isLinear).map { tensor in
            try quantizeNested(
                name: tensor.name, weights: try checkpoint.read(tensor.name), rows: tensor.shape[0],
                columns: tensor.shape[1], sensitivity: [Float](repeating: 1, count: tensor.shape[1]),
                settings: NestedSettings(precisions: [2, 4], seedBits: 2), pool: pool)
        }
    }

    private func tuner(
        _ checkpoint: Checkpoint, _ layers: [PackedMatrix], threads: Int = 2,
        residency: ReferenceModel.Residency = .resident
    ) throws -> TableTuner {
        let reference = try ReferenceModel(checkpoint, residency: .streamed, threads: threads)
        return try TableTuner(
            WeightSource(checkpoint), targets: try ReferenceStates(reference, sequences: Self.sequences),
            residency: residency, threads: threads, layers: layers.count
        ) { layers[$0] }
    }

    private static func finished(_ tuner: TableTuner) throws -> [PackedMatrix] {
        var all: [PackedMatrix] = []
        try tuner.finish { all.append($0) }
        return all
    }

    @Test func divergenceFallsAndCodesStay() throws {
        let checkpoint = try Checkpoint.open(Self.path)
        let before = try layers(checkpoint)
        let tuner = try tuner(checkpoint, before)
        var divergences: [Double] = []
        try tuner.tune(TuningPlan(bits: 2, steps: 30, rate: 0.01)) { step, divergence in
            #expect(step == divergences.count + 1)
            divergences.append(divergence)
        }
        let first: Double = divergences.prefix(3).reduce(0, +)
        let last: Double = divergences.suffix(3).reduce(0, +)
        #expect(last < 0.6 * first)
        for (old, new) in zip(before, try Self.finished(tuner)) {
            #expect(old.name == new.name && old.planes == new.planes)
            #expect(old.tables[0].entries != new.tables[0].entries)
            // The other precision only passed through floats and back.
            let (a, b) = (old.dequantized(bits: 4), new.dequantized(bits: 4))
            var largest: Float = 0
            var difference: Float = 0
            for index in a.indices {
                largest = max(largest, abs(a[index]))
                difference = max(difference, abs(a[index] - b[index]))
            }
            #expect(difference <= largest / 127)
        }
    }

    @Test func interruptedTuningGivesTheSame() throws {
        let checkpoint = try Checkpoint.open(Self.path)
        let start = try layers(checkpoint)
        let plan = TuningPlan(bits: 2, steps: 6, rate: 0.01)
        let whole = try tuner(checkpoint, start)
        try whole.tune(plan) { _, _ in }
        let part = try tuner(checkpoint, start)
        var state: [[Float]] = []
        #expect(throws: TaperError(.interrupted, "")) {
            try part.tune(plan) { step, _ throws(TaperError) in
                guard step == 3 else { return }
                state = part.state
                throw TaperError(.interrupted, "stopped")
            }
        }
        // Nor does it matter how many threads there are, or whether weights stay in memory.
        let rest = try tuner(checkpoint, start, threads: 1, residency: .streamed)
        #expect(!rest.restore(state, bits: 3) && !rest.restore(Array(state.dropLast()), bits: 2))
        #expect(rest.restore(state, bits: 2))
        try rest.tune(plan, from: 3) { _, _ in }
        for (a, b) in zip(try Self.finished(whole), try Self.finished(rest)) {
            #expect(a.tables[0].entries == b.tables[0].entries && a.tables[0].scales == b.tables[0].scales)
        }
    }

    @Test func everySequenceTakesItsTurn() throws {
        let checkpoint = try Checkpoint.open(Self.path)
        let reference = try ReferenceModel(checkpoint, residency: .resident, threads: 1)
        let targets = try ReferenceStates(reference, sequences: Self.sequences)
        // Targets are the float model's own logits.
        var made: [Float] = []
        for (index, tokens) in Self.sequences.enumerated() {
            try targets.logits(of: index, into: &made)
            let logits = try reference.logits(tokens)
            #expect(made.count == logits.count)
            var difference: Float = 0
            for place in logits.indices { difference = max(difference, abs(made[place] - logits[place])) }
            #expect(difference < 1e-4)
        }
    }
}
