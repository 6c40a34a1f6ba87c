internal import CPlatform
public import Storage

/// Threads that run numbered parts of a job, and the kernels they run.
///
/// Idle workers spin some 30 microseconds, then sleep. One caller at a time: `run` stops at a second one.
public final class ThreadPool {
    public let threadCount: Int
    public let instructionSet: InstructionSet
    let kernels: KernelTable
    private let pool: OpaquePointer?
    /// One block of scratch memory per part, grown on demand and kept.
    private var scratch: UnsafeMutableRawPointer?
    private var scratchBytes = 0

    /// - Throws: `usage` when `TAPER_ISA` names a set this processor lacks.
    public convenience init(threadCount: Int) throws(TaperError) {
        self.init(
            threadCount: threadCount,
            instructionSet: try InstructionSet.select(override: Files.environment("TAPER_ISA")))
    }

    public init(threadCount: Int, instructionSet: InstructionSet) {
        self.threadCount = max(1, min(threadCount, 1024))
        self.instructionSet = instructionSet
        kernels = KernelTable(instructionSet)
        pool = tp_pool_create(Int32(self.threadCount))
    }

    deinit {
        tp_pool_destroy(pool)
        scratch?.deallocate()
    }

    /// Runs `body(part)` for part in 0 ..< partCount on all threads and waits for all of them.
    public func run(_ partCount: Int, _ body: (Int) -> Void) { run(partCount) { part, _ in body(part) } }

    /// The same for a body that also hears which thread it runs on, 0 ..< threadCount: nobody else does meanwhile.
    func run(_ partCount: Int, _ body: (_ part: Int, _ thread: Int) -> Void) {
        guard partCount > 1, let pool else {
            for part in 0..<max(0, partCount) { body(part, 0) }
            return
        }
        // Safe because the pool calls the closure only before `tp_pool_run` returns.
        withoutActuallyEscaping(body) { escaping in
            var closure = escaping
            withUnsafeMutablePointer(to: &closure) { pointer in
                let ran = tp_pool_run(
                    pool, Int32(partCount),
                    { context, part, thread in
                        guard let context else { return }
                        context.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(Int(part), Int(thread))
                    }, UnsafeMutableRawPointer(pointer))
                precondition(ran != 0, "a thread pool runs one job at a time")
            }
        }
    }

    /// The same, and adds up what the parts return.
    func sum(_ partCount: Int, _ body: (_ part: Int, _ thread: Int) -> Int) -> Int {
        var sums = [Int](repeating: 0, count: max(0, partCount))
        sums.withUnsafeMutableBufferPointer { buffer in
            let sums = buffer
            run(partCount) { part, thread in sums[part] = body(part, thread) }
        }
        return sums.reduce(0, +)
    }

    /// Memory of `byteCount` bytes for every thread, aligned to 64; contents undefined.
    func scratch(byteCount: Int) -> UnsafeMutableRawPointer {
        let each = roundedUp(byteCount, to: 64)
        if let scratch, scratchBytes >= each { return scratch }
        scratch?.deallocate()
        scratchBytes = each
        let made = UnsafeMutableRawPointer.allocate(byteCount: scratchBytes * threadCount, alignment: 64)
        scratch = made
        return made
    }

    /// Distance between the scratch blocks of two threads.
    var scratchStride: Int { scratchBytes }

    /// The items of a part, so that parts which one thread takes after another follow each other: threads take turns, and what
    /// a thread asks memory for ahead of time is then its own.
    func slice(_ count: Int, part: Int, of parts: Int) -> Range<Int> {
        let perThread = parts / threadCount
        guard perThread > 1, part < perThread * threadCount else {
            return ThreadPool.slice(count, part: part, of: parts)
        }
        return ThreadPool.slice(
            count, part: part % threadCount * perThread + part / threadCount, of: parts)
    }

    /// Even division of `count` items among `parts`.
    static func slice(_ count: Int, part: Int, of parts: Int) -> Range<Int> {
        count * part / parts..<count * (part + 1) / parts
    }
}
