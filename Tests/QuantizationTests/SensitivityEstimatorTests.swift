import Bundle
import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage
import Testing

import func Foundation.NSTemporaryDirectory
import struct Foundation.UUID

/// Sensitivities on the project's own small checkpoint.
@Suite struct SensitivityEstimatorTests {
    private let sequences: [[Int]] = (0..<24).map { (s: Int) -> [Int] in
        (0..<40).map { (i: Int) -> Int in (s * 37 + i * i * 7 + i * (s + 1)) % 200 + 5 }
    }

    /// The checkpoint quantized to 2, 3 and 4 bits, in a file that goes with `body`.
    private func withBundle<R>(_ checkpoint: Checkpoint, _ body: (Bundle) throws -> R) throws -> R {
        let path = NSTemporaryDirectory() + "taper-rungs-\(UUID().uuidString).taper"
        defer { Files.remove(path) }
        let pool = try ThreadPool(threadCount: 2)
        let precisions = [2, 3, 4]
        let plans = checkpoint.config.tensorRequirements().map { need in
            TensorPlan(
                name: need.name, shape: need.shape,
                encoding: need.shape.count == 1
                    ? .float : .nested(group: need.isLinear ? "linear" : "embedding", precisions: precisions))
        }
        let writer = try BundleWriter(
            path: path, replacing: false,
            manifest: Manifest(model: checkpoint.config, precisions: precisions, tensors: plans, provenance: .null),
            tokenizer: nil, documents: [])
        for plan in plans {
            let values = try checkpoint.read(plan.name)
            if plan.shape.count == 1 {
                try writer.add(vector: values, name: plan.name)
            } else {
                try writer.add(
                    try quantizeNested(
                        name: plan.name, weights: values, rows: plan.shape[0], columns: plan.shape[1],
                        sensitivity: [Float](repeating: 1, count: plan.shape[1]),
                        settings: NestedSettings(precisions: precisions, seedBits: 2), pool: pool))
            }
        }
        try writer.finish()
        return try body(try Bundle(path: path))
    }

    /// Mean KL(full || changed) over the sequences, by doubles from the float model's logits.
    private func divergence(_ model: GradientModel, _ full: [[Float]]) throws -> Double {
        var sum = 0.0
        let size = model.config.vocabularySize
        for (tokens, before) in zip(sequences, full) {
            var after = [Float](repeating: 0, count: tokens.count * size)
            try after.withUnsafeMutableBufferPointer { try model.logits(tokens, into: $0) }
            for row in 0..<tokens.count {
                func logs(_ logits: [Float]) -> [Double] {
                    let values = logits[row * size..<(row + 1) * size].map { Double($0) }
                    let top = values.max() ?? 0
                    let total = logarithm(values.reduce(0) { $0 + exponential($1 - top) }) + top
                    return values.map { $0 - total }
                }
                let (p, q) = (logs(before), logs(after))
                sum += zip(p, q).reduce(0) { $0 + exponential($1.0) * ($1.0 - $1.1) } / Double(tokens.count)
            }
        }
        return sum / Double(sequences.count)
    }

    /// Estimated growth of KL against the growth really measured, tensor by tensor.
    @Test func estimatesFollowTheMeasuredDivergence() throws {
        let checkpoint = try Checkpoint.open(TableTunerTests.path)
        try withBundle(checkpoint) { bundle in
            let estimator = try SensitivityEstimator(bundle: bundle, source: WeightSource(checkpoint), threads: 2)
            let found = try estimator.run(sequences) { _ in }
            #expect(found.map(\.name) == bundle.manifest.linearTensors.map(\.name))
            let model = try GradientModel(WeightSource(checkpoint), threads: 2)
            let size = checkpoint.config.vocabularySize
            let full = try sequences.map { tokens -> [Float] in
                var logits = [Float](repeating: 0, count: tokens.count * size)
                try logits.withUnsafeMutableBufferPointer { try model.logits(tokens, into: $0) }
                return logits
            }
            var ratios: [Double] = []
            for sensitivity in found {
                let matrix = try bundle.weights(sensitivity.name)
                // Small changes, so that the second order is all there is.
                let place = try #require(sensitivity.bits.firstIndex(of: 4))
                let original = try checkpoint.read(sensitivity.name)
                try model.withWeights(sensitivity.name) { out in
                    guard let base = out.baseAddress else { return }
                    for row in 0..<matrix.rows {
                        matrix.dequantizeRow(row, bits: 4, into: base + row * matrix.columns, pool: model.pool)
                    }
                }
                let measured = try divergence(model, full)
                try model.withWeights(sensitivity.name) { out in
                    for index in original.indices { out[index] = original[index] }
                }
                let estimate = sensitivity.divergences[place]
                #expect(estimate > 0.3 * measured && estimate < 3 * measured, "\(sensitivity.name)")
                ratios.append(estimate / measured)
                #expect(zip(sensitivity.divergences, sensitivity.divergences.dropFirst()).allSatisfy { $0 > $1 })
            }
            let mean = ratios.reduce(0, +) / Double(ratios.count)
            #expect(mean > 0.7 && mean < 1.5, "\(mean)")
        }
    }

    @Test func threadsChangeNothing() throws {
        let checkpoint = try Checkpoint.open(TableTunerTests.path)
        try withBundle(checkpoint) { bundle in
            func run(_ threads: Int) throws -> [[Double]] {
                try SensitivityEstimator(bundle: bundle, source: WeightSource(checkpoint), threads: threads)
                    .run(Array(sequences.prefix(3))) { _ in }.map(\.divergences)
            }
            let one = try run(1)
            #expect(try run(2) == one && run(3) == one)
        }
    }

    @Test func rungsKeepTheFormatsRules() throws {
        let checkpoint = try Checkpoint.open(TableTunerTests.path)
        try withBundle(checkpoint) { bundle in
            let estimator = try SensitivityEstimator(bundle: bundle, source: WeightSource(checkpoint), threads: 2)
            let search = RungSearch(try estimator.run(Array(sequences.prefix(4))) { _ in })
            let wanted = [225, 250, 350].map { Precision(hundredths: $0) }
            let (rungs, problems) = search.rungs(wanted, bundle.manifest)
            #expect(rungs.count + problems.count == 3 && !rungs.isEmpty)
            try Rung.check(rungs, bundle.manifest, place: "test")
            // Going down the ladder no tensor gains bits.
            for (low, high) in zip(rungs, rungs.dropFirst()) {
                #expect(zip(low.bits, high.bits).allSatisfy { $0 <= $1 })
            }
        }
    }

    @Test func anotherCheckpointIsRefused() throws {
        let checkpoint = try Checkpoint.open(TableTunerTests.path)
        try withBundle(checkpoint) { bundle in
            let wrong = WeightSource(checkpoint).replacing { $0.contains("q_proj") ? [1, 2, 3] : nil }
            #expect(throws: TaperError(.badData, "")) {
                try SensitivityEstimator(bundle: bundle, source: wrong, threads: 1)
            }
        }
    }
}
