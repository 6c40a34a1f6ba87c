internal import CKernels
import Storage

/// Reads `byteCount` bytes once on all threads of the pool, for the roofline beside a benchmark; returns a digest so
/// that nothing is optimised away.
public func readAll(_ bytes: UnsafeRawBufferPointer, pool: ThreadPool) -> UInt64 {
    let parts = pool.threadCount * 8
    let digests = UnsafeMutablePointer<UInt64>.allocate(capacity: parts)
    defer { digests.deallocate() }
    pool.run(parts) { part in
        let range = ThreadPool.slice(bytes.count / 4096, part: part, of: parts)
        guard let base = bytes.baseAddress else { return }
        digests[part] = ck_read_all(base + range.lowerBound * 4096, range.count * 4096)
    }
    return (0..<parts).reduce(0) { $0 ^ digests[$1] }
}
