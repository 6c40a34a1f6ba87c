import Bundle
import Model
import Quantization
import Testing

@Suite struct RungSearchTests {
    /// Four tensors of 100 weights and 100 bytes a bit; the first is the most sensitive, the last hardly.
    private func tensors(_ factors: [Double] = [8, 4, 2, 0.1]) -> [TensorSensitivity] {
        factors.enumerated().map { index, factor in
            TensorSensitivity(
                name: "t\(index)", bits: [2, 3, 4], byteCounts: [200, 300, 400],
                divergences: [16 * factor, 4 * factor, factor], weightCount: 100)
        }
    }

    @Test func theLeastSensitiveTensorsGoDownFirst() {
        let found = RungSearch(tensors()).run([3.75, 3.5, 3.25, 3])
        #expect(found.map(\.bits) == [[4, 4, 4, 3], [4, 4, 4, 2], [4, 4, 3, 2], [4, 3, 3, 2]])
        #expect(found.map(\.averageBits) == [3.75, 3.5, 3.25, 3])
    }

    @Test func everyAllocationIsTheBestOfAll() {
        let tensors = tensors([3, 5, 1, 0.7])
        // All averages that a convex hull reaches, against every allocation of the same bytes.
        for found in RungSearch(tensors).run([3.75, 3.5, 3.25, 3, 2.75, 2.5, 2.25]) {
            var best = Double.infinity
            for code in 0..<81 {
                let bits = [code % 3, code / 3 % 3, code / 9 % 3, code / 27].map { $0 + 2 }
                guard bits.reduce(0, +) == found.bits.reduce(0, +) else { continue }
                best = min(best, zip(tensors, bits).reduce(0) { $0 + $1.0.divergences[$1.1 - 2] })
            }
            #expect(found.divergence <= best + 1e-12, "\(found.bits)")
        }
    }

    /// Three bits are no better than two here: the tensor leaps.
    @Test func aTensorMayGoSeveralLevelsAtOnce() {
        var all = tensors([8, 4, 2])
        all.append(
            TensorSensitivity(
                name: "t3", bits: [2, 3, 4], byteCounts: [200, 300, 400], divergences: [1.1, 1, 0.1], weightCount: 100))
        #expect(RungSearch(all).run([3.5])[0].bits == [4, 4, 4, 2])
    }

    /// The large tensor is the cheapest per byte, but would go far beyond the average asked for.
    @Test func aStepThatPassesTheTargetWaitsForSmallerOnes() {
        var all = tensors([8, 4, 2, 0.1])
        all.append(
            TensorSensitivity(
                name: "large", bits: [2, 3, 4], byteCounts: [2000, 3000, 4000], divergences: [0.4, 0.1, 0.01],
                weightCount: 1000))
        // 1400 weights: a step of a small tensor is 0.07 bits, of the large one 0.71.
        #expect(RungSearch(all).run([3.93])[0].bits == [4, 4, 4, 3, 4])
        #expect(RungSearch(all).run([3.29])[0].bits == [4, 4, 4, 4, 3])
    }

    @Test func noiseThatMakesFewerBitsLookBetterIsNotBelieved() {
        let noisy = TensorSensitivity(
            name: "n", bits: [2, 3, 4], byteCounts: [200, 300, 400], divergences: [0.5, 3, 1], weightCount: 100)
        let found = RungSearch([noisy]).run([2])
        #expect(found[0].bits == [2] && found[0].divergence == 3)
    }

    @Test func targetsBeyondThePrecisionsAreUniform() {
        let found = RungSearch(tensors()).run([9, 1])
        #expect(found.map(\.bits) == [[4, 4, 4, 4], [2, 2, 2, 2]])
    }
}
