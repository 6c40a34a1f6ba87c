internal import CKernels
import Storage

extension ActivationBuffer {
    /// Tokens that are arranged together.
    static let arrangedBlock = 16

    /// Activations of several tokens as tile registers want them, group by group.
    ///
    /// One block is arranged by every thread for itself, when it first needs it: to get it from another processor's cache takes
    /// longer. More blocks are arranged once, by all threads together.
    final class Arrangement {
        /// Of all groups, for every thread: [threads][stride].
        private var own: UnsafeMutableRawPointer?
        private var stride = 0
        /// What a thread's blocks hold: the version of the buffer, each on a cache line of its own.
        private let versions: UnsafeMutablePointer<Int>
        private let threadCount: Int
        private static let versionStride = 8

        private var shared: UnsafeMutableRawPointer?
        private var sharedCapacity = 0

        /// Of the version at hand: its groups, and where each begins.
        private var views: [ck_activations_t] = []
        private var offsets: [Int] = []
        private var isShared = false
        private var version = -1

        init(threadCount: Int) {
            self.threadCount = threadCount
            versions = .allocate(capacity: threadCount * Arrangement.versionStride)
            versions.initialize(repeating: -1, count: threadCount * Arrangement.versionStride)
        }

        deinit {
            own?.deallocate()
            versions.deallocate()
            shared?.deallocate()
        }

        func serves(_ pool: ThreadPool) -> Bool { pool.threadCount <= threadCount }

        /// For the calls that follow, on any thread.
        func prepare(_ buffer: ActivationBuffer, version: Int, _ pool: ThreadPool) {
            guard self.version != version else { return }
            self.version = version
            views = buffer.views()
            offsets.empty()
            isShared = false
            var byteCount = 0
            for view in views {
                offsets.append(byteCount)
                byteCount += ck_arranged_bytes(view.tiles, view.tokens)
                if Int(view.tokens) > arrangedBlock { isShared = true }
            }
            if isShared {
                share(byteCount, pool)
            } else if byteCount > stride {
                own?.deallocate()
                stride = byteCount
                own = .allocate(byteCount: stride * threadCount, alignment: 64)
            }
        }

        private func share(_ byteCount: Int, _ pool: ThreadPool) {
            if sharedCapacity < byteCount {
                shared?.deallocate()
                sharedCapacity = byteCount
                shared = .allocate(byteCount: byteCount, alignment: 64)
            }
            guard let shared else { return }
            for group in views.indices {
                let blocks = (Int(views[group].tokens) + arrangedBlock - 1) / arrangedBlock
                pool.run(blocks) { arrange(group, block: $0, into: shared, pool) }
            }
        }

        private func arrange(_ group: Int, block: Int, into base: UnsafeMutableRawPointer, _ pool: ThreadPool) {
            let out = (base + offsets[group]).assumingMemoryBound(to: Int8.self)
            withUnsafePointer(to: views[group]) {
                required(pool.kernels.functions.arrange)($0, Int32(block), out)
            }
        }

        func blocks(of group: Int, on thread: Int, _ pool: ThreadPool) -> UnsafePointer<Int8>? {
            let offset = offsets[group]
            if isShared { return shared.map { UnsafePointer(($0 + offset).assumingMemoryBound(to: Int8.self)) } }
            guard let own else { return nil }
            let base = own + thread * stride
            let held = versions + thread * Arrangement.versionStride
            if held.pointee != version {
                for group in views.indices where views[group].tokens > 1 {
                    arrange(group, block: 0, into: base, pool)
                }
                held.pointee = version
            }
            return UnsafePointer((base + offset).assumingMemoryBound(to: Int8.self))
        }
    }
}
