import Experiments
import Bundle
import Calibration
import Checkpoint
import Kernels
import Model
import Reference
import Storage
import Testing

@Suite struct DenseSparseTests {
    let bundle: Bundle
    let checkpoint: Checkpoint
    let source: WeightSource
    let moments: [String: [Float]]
    let tokens = Array(5..<60)

    init() throws {
        let sample = try EvaluatedSample.shared.get()
        bundle = try Bundle(path: sample.bundle)
        checkpoint = try Checkpoint.open(sample.checkpoint)
        source = WeightSource(checkpoint)
        moments = try ReferenceModel(source, residency: .streamed, threads: 1).inputMoments([tokens])
    }

    private func parts(_ averageBits: Double) throws -> DenseSparse {
        try DenseSparse(bundle: bundle, source: source, moments: moments, dense: 2, averageBits: averageBits)
    }

    private func logits(_ source: WeightSource) throws -> [Float] {
        try ReferenceModel(source, residency: .streamed, threads: 1).logits(tokens)
    }

    private func dense(_ name: String) throws -> [Float] {
        let matrix = try bundle.weights(name)
        let pool = try ThreadPool(threadCount: 1)
        var values = [Float](repeating: 0, count: matrix.rows * matrix.columns)
        values.withUnsafeMutableBufferPointer { buffer in
            for row in 0..<matrix.rows {
                matrix.dequantizeRow(row, bits: 2, into: buffer.baseAddress! + row * matrix.columns, pool: pool)
            }
        }
        return values
    }

    @Test func everythingKeptIsFullPrecision() throws {
        let all = try parts(34)
        #expect(all.keptCount == all.weightCount && all.averageBits == 34)
        #expect(try logits(all.weights) == logits(source))
    }

    @Test func nothingKeptIsTheDensePart() throws {
        let none = try parts(2)
        #expect(none.keptCount == 0 && none.averageBits == 2 && none.sparseByteCount == 0)
        for required in checkpoint.config.tensorRequirements() {
            let values = try none.weights.read(required.name)
            #expect(try values == (required.isLinear ? dense(required.name) : checkpoint.read(required.name)))
        }
        let other = source.replacing { name throws(TaperError) in
            guard checkpoint.config.tensorRequirements().contains(where: { $0.name == name && $0.isLinear }) else {
                return nil
            }
            do { return try dense(name) } catch { throw TaperError(.internalFault, "\(error)") }
        }
        #expect(try logits(none.weights) == logits(other))
    }

    /// Bits are met to the weight, and what is kept is what the low precision hurts most.
    @Test func theMostSensitiveWeightsAreKept() throws {
        let some = try parts(2.5)
        #expect(abs(some.averageBits - 2.5) < 0.001)
        #expect(some.keptCount == Int((Double(some.weightCount) * 0.5 / 32).rounded()))
        var kept: [Float] = []
        var left: [Float] = []
        for required in checkpoint.config.tensorRequirements() where required.isLinear {
            let (low, full) = (try dense(required.name), try checkpoint.read(required.name))
            let mixed = try some.weights.read(required.name)
            let moment = try #require(moments[required.name])
            for index in mixed.indices where low[index] != full[index] {
                let change = full[index] - low[index]
                let sensitivity = moment[index % moment.count] * change * change
                #expect(mixed[index] == full[index] || mixed[index] == low[index])
                if mixed[index] == full[index] { kept.append(sensitivity) } else { left.append(sensitivity) }
            }
        }
        #expect(kept.count == some.keptCount)
        #expect(try #require(kept.min()) >= #require(left.max()))
        #expect(some.sparseByteCount > 4 * some.keptCount)
        #expect(throws: TaperError.self) {
            try DenseSparse(bundle: bundle, source: source, moments: moments, dense: 3, averageBits: 4)
        }
    }
}
