internal import CKernels
import Storage

extension ActivationBuffer {
    /// Tokens that are arranged together.
    static let arrangedBlock = 16

    /// Activations of several tokens as tile registers want them.
    ///
    /// One block is arranged by every thread for itself, when it first needs it: to get it from another processor's cache takes
    /// longer. More blocks are arranged once, by all threads together.
    final class Arrangement {
        /// One block for every thread: [threads][stride].
        private let own: UnsafeMutableRawPointer
        private let stride: Int
        /// What the blocks hold: `version` of the buffer, every thread's on a cache line of its own.
        private let versions: UnsafeMutablePointer<Int>
        private let threadCount: Int
        private static let versionStride = 8

        private var shared: UnsafeMutableRawPointer?
        private var sharedCapacity = 0
        private var sharedVersion = -1

        init(tiles: Int, threadCount: Int) {
            self.threadCount = threadCount
            stride = ck_arranged_bytes(Int32(tiles), Int32(arrangedBlock))
            own = .allocate(byteCount: stride * threadCount, alignment: 64)
            versions = .allocate(capacity: threadCount * Arrangement.versionStride)
            versions.initialize(repeating: -1, count: threadCount * Arrangement.versionStride)
        }

        deinit {
            own.deallocate()
            versions.deallocate()
            shared?.deallocate()
        }

        func serves(_ pool: ThreadPool) -> Bool { pool.threadCount <= threadCount }

        /// Blocks of all threads, for the calls that follow.
        func share(_ view: ck_activations_t, version: Int, _ pool: ThreadPool) {
            guard sharedVersion != version else { return }
            sharedVersion = version
            let byteCount = ck_arranged_bytes(view.tiles, view.tokens)
            if sharedCapacity < byteCount {
                shared?.deallocate()
                sharedCapacity = byteCount
                shared = .allocate(byteCount: byteCount, alignment: 64)
            }
            let arrange = required(pool.kernels.functions.arrange)
            let out = shared?.assumingMemoryBound(to: Int8.self)
            let blocks = (Int(view.tokens) + arrangedBlock - 1) / arrangedBlock
            withUnsafePointer(to: view) { view in pool.run(blocks) { arrange(view, Int32($0), out) } }
        }

        func blocks(_ view: ck_activations_t, version: Int, on thread: Int, _ pool: ThreadPool) -> UnsafePointer<Int8>?
        {
            if Int(view.tokens) > arrangedBlock { return UnsafePointer(shared?.assumingMemoryBound(to: Int8.self)) }
            let block = (own + thread * stride).assumingMemoryBound(to: Int8.self)
            let held = versions + thread * Arrangement.versionStride
            if held.pointee != version {
                withUnsafePointer(to: view) { required(pool.kernels.functions.arrange)($0, 0, block) }
                held.pointee = version
            }
            return UnsafePointer(block)
        }
    }
}
