internal import CPlatform

/// SIGINT and SIGTERM as a flag that long work looks at between its steps.
public enum Interrupt {
    // Written by the signal handler, so it lives outside Swift's exclusivity checks, once per process.
    nonisolated(unsafe) private static let flag: UnsafeMutablePointer<Int32> = {
        let pointer = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        pointer.initialize(to: 0)
        return pointer
    }()

    /// From now on the first signal sets the flag; a second one ends the process.
    public static func watch() { tp_watch_interrupts(flag) }

    /// Number of the signal received, or 0.
    public static var signal: Int32 { flag.pointee }

    /// The signal has been dealt with; the next one counts as the first again.
    public static func clear() { tp_clear_interrupt() }

    /// - Throws: `interrupted` after a signal, and where this thread's work is to stop (`StopRequest`).
    public static func check(_ remedy: String) throws(TaperError) {
        if signal != 0 { throw TaperError(.interrupted, "interrupted by signal " + String(signal) + ". " + remedy) }
        if tp_is_asked_to_stop() != 0 { throw TaperError(.interrupted, "stopped on request. " + remedy) }
    }
}
