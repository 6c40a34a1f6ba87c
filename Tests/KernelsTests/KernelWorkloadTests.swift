import Kernels
import Testing

@Suite struct KernelWorkloadTests {
    private static let groups = [
        KernelWorkload.Group(rows: [72, 72, 24], columns: 100), KernelWorkload.Group(rows: [100], columns: 72),
    ]

    private func make(_ precisions: [Int], bytes: Int, threads: Int = 1) throws -> KernelWorkload {
        try KernelWorkload(
            groups: Self.groups, precisions: precisions, bytesPerPass: bytes,
            pool: ThreadPool(threadCount: threads, instructionSet: .best))
    }

    @Test func everyPassReadsWhatWasAskedFor() throws {
        let work = try make([2, 3, 4, 5, 6, 8, 16], bytes: 1 << 20)
        var before = Int.max
        for bits in [2, 3, 4, 5, 6, 8, 16] {
            let count = work.copyCount(bits: bits)
            #expect(count * work.bytesPerStep(bits: bits) >= 1 << 20)
            #expect((count - 1) * work.bytesPerStep(bits: bits) < 1 << 20)
            // Tables of matrices this small outweigh halves, so 16 bits stand apart.
            if bits <= 8 { #expect(count <= before) }
            before = count
        }
        // Padded cells of two bytes: 72, 72 and 24 rows of 128, 104 of 128.
        #expect(work.bytesPerStep(bits: 16) == (168 + 104) * 128 * 2)
        #expect(work.copyCount(bits: 7) == 0)
    }

    /// The weights are valid at every precision and the same for any number of threads and precisions held.
    @Test func productsAreFiniteAndRepeat() throws {
        let work = try make([2, 4, 16], bytes: 1 << 18)
        let again = try make([2, 4, 16], bytes: 1 << 18, threads: 3)
        for bits in [2, 4, 16] {
            var sums: [Float] = []
            for step in 0..<work.copyCount(bits: bits) {
                for (set, threads) in [(InstructionSet.best, 1), (.best, 2), (.scalar, 1)] {
                    let pool = ThreadPool(threadCount: threads, instructionSet: set)
                    work.run(step: step, bits: bits, pool: pool)
                    again.run(step: step, bits: bits, pool: pool)
                    #expect(work.outputSum.isFinite && work.outputSum != 0 && again.outputSum == work.outputSum)
                    if threads > 1 || set == .scalar { #expect(work.outputSum == sums.last) }
                    if threads == 1 && set == .best { sums.append(work.outputSum) }
                }
            }
            // Copies differ, and the step after the last copy begins again.
            #expect(Set(sums).count == sums.count)
            work.run(step: sums.count, bits: bits, pool: ThreadPool(threadCount: 1, instructionSet: .best))
            #expect(work.outputSum == sums[0])
        }
        #expect(work.read(byteCount: 1 << 16, pool: ThreadPool(threadCount: 1, instructionSet: .best)) == 1 << 16)
    }
}
