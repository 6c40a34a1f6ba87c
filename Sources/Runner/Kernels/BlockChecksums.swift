internal import CKernels
public import Storage

/// XXH64 of blocks of memory on all threads of the pool, in their order. Blocks of one length are taken several at a time, where the
/// instruction set has that.
public func checksums(of blocks: [UnsafeRawBufferPointer], pool: ThreadPool) -> [UInt64] {
    var results = [UInt64](repeating: 0, count: blocks.count)
    guard let first = blocks.first else { return results }
    let together = pool.kernels.functions.checksums
    let whole = first.count % 32 == 0 && first.count > 0
    // As many as a call takes, but no fewer parts than threads.
    let most = 8
    let size = together == nil || !whole ? 1 : min(most, (blocks.count + pool.threadCount - 1) / pool.threadCount)
    let parts = (blocks.count + size - 1) / size
    results.withUnsafeMutableBufferPointer { results in
        blocks.withUnsafeBufferPointer { blocks in
            let (into, from) = (results.baseAddress, blocks.baseAddress)
            pool.run(parts) { part in
                guard let into, let from else { return }
                let range = part * size..<min(blocks.count, (part + 1) * size)
                guard size > 1, let together, range.allSatisfy({ from[$0].count == first.count }) else {
                    for index in range { into[index] = checksum(from[index]) }
                    return
                }
                withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: most) { pointers in
                    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: most) { sums in
                        for place in 0..<most {
                            let block = from[min(range.lowerBound + place, range.upperBound - 1)]
                            pointers.initializeElement(
                                at: place, to: block.baseAddress?.assumingMemoryBound(to: UInt8.self))
                        }
                        together(pointers.baseAddress, first.count, sums.baseAddress)
                        for index in range { into[index] = sums[index - range.lowerBound] }
                    }
                }
            }
        }
    }
    return results
}
