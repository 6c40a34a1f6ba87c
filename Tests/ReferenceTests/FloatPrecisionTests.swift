import Checkpoint
import COneDNN
import Model
import Reference
import Storage
import Testing

/// Products of factors in bfloat16. Where the processor or the machine has none, models refuse to compute with them.
@Suite struct FloatPrecisionTests {
    private static func hasProducts() throws -> Bool {
        if FloatPrecision.fastest == .bfloat16 { return true }
        #expect(throws: TaperError(.noInput, "")) {
            try ReferenceModel(
                RandomModels.source(RandomModels.config("llama"), seed: 1), residency: .streamed, threads: 1,
                precision: .bfloat16)
        }
        return false
    }

    /// bfloat16 is the upper half of single precision; ties go to the even neighbour.
    @Test func roundingIsToTheNearestEven() {
        let cases: [(UInt32, UInt16)] = [
            (0x3f80_0000, 0x3f80), (0x3f80_8000, 0x3f80), (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81),
            (0x3f80_7fff, 0x3f80), (0xbf80_8001, 0xbf81), (0x0000_0001, 0), (0x7f7f_ffff, 0x7f80),
            (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80),
        ]
        // Enough of them for whole vectors and a rest.
        let values = (0..<7).flatMap { _ in cases.map { Float(bitPattern: $0.0) } }
        var rounded = [UInt16](repeating: 0, count: values.count)
        od_round(values, values.count, &rounded)
        #expect(rounded == (0..<7).flatMap { _ in cases.map(\.1) })
        var none: [UInt16] = [0]
        od_round([Float(bitPattern: 0x7f80_0001)], 1, &none)
        #expect(none[0] & 0x7f80 == 0x7f80 && none[0] & 0x7f != 0)
    }

    @Test(arguments: [false, true])
    func productsAreThoseOfRoundedFactors(adds: Bool) throws {
        guard try Self.hasProducts() else { return }
        let (m, n, k) = (19, 33, 47)
        var random = SplitMix64(state: 3)
        let values = (0..<m * k + n * k).map { _ in random.unit() }
        var rounded = [UInt16](repeating: 0, count: values.count)
        od_round(values, values.count, &rounded)
        let floats = rounded.map { Double(Float(bitPattern: UInt32($0) << 16)) }
        for (ta, tb) in [(0, 0), (0, 1), (1, 0), (1, 1)] as [(Int32, Int32)] {
            var c = [Float](repeating: 0.5, count: m * n)
            let status = rounded.withUnsafeBufferPointer { all in
                od_product(
                    ta, tb, Int32(m), Int32(n), Int32(k), all.baseAddress, Int32(ta == 1 ? m : k),
                    all.baseAddress.map { $0 + m * k }, Int32(tb == 1 ? k : n), adds ? 1 : 0, &c, Int32(n))
            }
            #expect(status == 0)
            for i in 0..<m {
                for j in 0..<n {
                    let sum = (0..<k).reduce(adds ? 0.5 : 0) { sum, l in
                        sum + floats[ta == 1 ? l * m + i : i * k + l]
                            * floats[m * k + (tb == 1 ? j * k + l : l * n + j)]
                    }
                    #expect(abs(Double(c[i * n + j]) - sum) < 1e-4, "\(ta) \(tb) \(i) \(j)")
                }
            }
        }
    }

    @Test(arguments: RandomModels.families)
    func modelsAndGradientsAreCloseToThoseInSinglePrecision(family: String) throws {
        guard try Self.hasProducts() else { return }
        let source = RandomModels.source(RandomModels.config(family), seed: 1)
        let tokens = RandomModels.tokens(70, source.config)
        var all: [[Float]] = []
        for precision in [FloatPrecision.single, .bfloat16] {
            let model = try GradientModel(source, threads: 2, precision: precision)
            let name = TensorName.weight(.down, layer: 0)
            all.append(try model.logits(tokens))
            all.append(try #require(try model.gradients(tokens, wanted: { $0 == name }).values[name]))
            let reference = try ReferenceModel(source, residency: .streamed, threads: 2, precision: precision)
            var hessian: [Float] = []
            try reference.inputHessians([tokens], wanted: [1]) { _, parts in hessian = parts[.up]?.values ?? [] }
            all.append(hessian)
        }
        for (single, low) in zip(all.prefix(3), all.suffix(3)) {
            #expect(single.count == low.count && single != low)
            let size = single.reduce(0.0) { $0 + Double($1) * Double($1) }
            let error = zip(single, low).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            // 2^-9 a factor, some of them one after the other.
            #expect((error / size).squareRoot() < 0.05, "\(family)")
        }
    }

    @Test func theSameForAnyNumberOfThreads() throws {
        guard try Self.hasProducts() else { return }
        let source = RandomModels.source(RandomModels.config("qwen3"), seed: 2)
        let sequences = [600, 3].map { count in (0..<min(count, 250)).map { ($0 * 7 + count) % 37 } }
        let weights = try [1, 4].map {
            try GradientModel(source, residency: .streamed, threads: $0, precision: .bfloat16)
                .tokenWeights(sequences, seed: 1).bytes
        }
        #expect(weights[0] == weights[1])
    }
}
