import Checkpoint
import Kernels
import Model
import Pipeline
import Reference
import Runtime
import Storage
import Testing
import Text

/// A model whose weights are bytes in memory says nearly what the model says.
@Suite struct ByteModelTests {
    private let checkpoint: Checkpoint
    private let tokens: [Int]

    init() throws {
        checkpoint = try Checkpoint.open(ConverterTests.root + "/samples/tiny")
        let text = String(
            decoding: try Files.read(ConverterTests.root + "/samples/tiny/calibration.txt", limit: 1 << 20),
            as: UTF8.self)
        tokens = Array(
            try checkpoint.tokenizer().encode(text, addSpecial: false, parseSpecial: false).prefix(200))
    }

    private func logits(threads: Int) throws -> [[Float]] {
        let pool = ThreadPool(threadCount: threads, instructionSet: .best)
        let bytes = try ByteModel(checkpoint, pool: pool) { _ in }
        let engine = try Engine(bytes.weights, contextLength: tokens.count, pool: pool)
        let sequence = try engine.makeSequence()
        return try tokens.map { Array(try engine.read([$0], into: sequence, bits: 8)) }
    }

    @Test func itIsCloseToTheModel() throws {
        let found = try logits(threads: 2)
        let model = try ReferenceModel(checkpoint, residency: .resident, threads: 2)
        let expected = try model.logits(tokens)
        let width = checkpoint.config.vocabularySize
        var divergence = 0.0
        for (position, row) in found.enumerated() {
            let full = expected[position * width..<(position + 1) * width].map(Double.init)
            func shares(_ values: [Double]) -> [Double] {
                let most = values.max() ?? 0
                let all = values.map { exponential($0 - most) }
                let sum = all.reduce(0, +)
                return all.map { $0 / sum }
            }
            let (p, q) = (shares(full), shares(row.map(Double.init)))
            divergence += zip(p, q).reduce(0) { $0 + ($1.0 > 0 ? $1.0 * logarithm($1.0 / max($1.1, 1e-300)) : 0) }
        }
        #expect(divergence / Double(tokens.count) < 0.01, "\(divergence / Double(tokens.count)) nats a token")
    }

    @Test func itIsTheSameForAnyThreads() throws {
        #expect(try logits(threads: 1) == logits(threads: 3))
    }
}
