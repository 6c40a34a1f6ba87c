internal import CPlatform

/// Stops one piece of work among others of the process, where it next looks (`Interrupt.check`): what a program does by a signal,
/// a library does by this.
public final class StopRequest: @unchecked Sendable {
    // Read and written atomically, in C; it does not move.
    private let word: UnsafeMutablePointer<Int32>

    public init() {
        word = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// From any thread, any number of times.
    public func stop() { tp_ask_to_stop(word) }

    /// Runs work on this thread that heeds the request.
    public func heeded<R>(by work: () throws(TaperError) -> R) throws(TaperError) -> R {
        tp_heed_stop(word)
        defer { tp_heed_stop(nil) }
        return try work()
    }
}
