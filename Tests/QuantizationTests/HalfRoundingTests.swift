import Kernels
import Quantization
import Storage
import Testing

/// Weights to half precision: exact where halves are, refused where they end.
@Suite struct HalfRoundingTests {
    private let pool = ThreadPool(threadCount: 2, instructionSet: .best)

    @Test func roundTripIsWithinHalfAnUlp() throws {
        let weights: [Float] = (0..<630).map { (index: Int) -> Float in Float(index * 7919 % 2001 - 1000) / 997 }
        let packed = try roundToHalf(name: "w", weights: weights, rows: 9, columns: 70, pool: pool)
        #expect(packed.values.count == HalfLayout.valueCount(rows: 9, columns: 70))
        for (value, wanted) in zip(packed.dequantized(), weights) {
            #expect(abs(value - wanted) <= Float(0x1p-11) * abs(wanted))
        }
    }

    @Test func theLargestHalfFitsAndNothingAboveIt() throws {
        let edge = try roundToHalf(name: "w", weights: [65504, -65504], rows: 1, columns: 2, pool: pool)
        #expect(edge.dequantized() == [65504, -65504])
        for bad in [Float(65505), -70000, .infinity, .nan] {
            do {
                _ = try roundToHalf(name: "w", weights: [1, bad], rows: 1, columns: 2, pool: pool)
                Issue.record("accepted \(bad)")
            } catch {
                #expect(error.code == .badData && error.message.contains("weight 1"), "\(error.message)")
                #expect(error.message.contains("tensor w"))
                #expect(!bad.isFinite || error.message.contains("65504"))
            }
        }
    }
}
