import Kernels
import Storage
import Testing

/// Several blocks at once have the checksums that they have one by one.
@Suite struct BlockChecksumsTests {
    @Test(arguments: [0, 1, 31, 32, 96, 4096, 4100]) func equalThoseOfOneBlock(byteCount: Int) {
        var random = TestRandom(byteCount)
        let blocks = (0..<21).map { _ in (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        let wanted = blocks.map { checksum($0) }
        for set in InstructionSet.available {
            for threads in [1, 2, 3] {
                let pool = ThreadPool(threadCount: threads, instructionSet: set)
                for count in [0, 1, 2, 7, 8, 9, 21] {
                    let memory = UnsafeMutableRawBufferPointer.allocate(
                        byteCount: max(1, count * byteCount), alignment: 1)
                    defer { memory.deallocate() }
                    var views: [UnsafeRawBufferPointer] = []
                    for (index, block) in blocks.prefix(count).enumerated() {
                        let part = UnsafeMutableRawBufferPointer(
                            rebasing: memory[index * byteCount..<(index + 1) * byteCount])
                        part.copyBytes(from: block)
                        views.append(UnsafeRawBufferPointer(part))
                    }
                    #expect(checksums(of: views, pool: pool) == Array(wanted.prefix(count)), "\(set.name), \(count)")
                    // A last block that is shorter.
                    if count > 1, byteCount > 40 {
                        views[count - 1] = UnsafeRawBufferPointer(rebasing: views[count - 1].prefix(byteCount - 3))
                        let last = checksum(Array(blocks[count - 1].prefix(byteCount - 3)))
                        #expect(checksums(of: views, pool: pool) == Array(wanted.prefix(count - 1)) + [last])
                    }
                }
            }
        }
    }
}
