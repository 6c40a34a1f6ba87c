internal import CPlatform

/// What a program gives up once everything it needs is loaded, so that a fault in it can do little harm.
public enum Confinement {
    public enum Purpose {
        /// Reads and computes, writes to streams that are open.
        case generating
        /// The same, and answers connections that others make.
        case serving
    }

    /// Takes from all threads of the process, for good, opening files for writing, running programs, making processes and
    /// sockets, and connecting. Files can still be read.
    /// - Returns: nil, or why the system cannot do it; then nothing has changed.
    public static func begin(_ purpose: Purpose) -> String? {
        let result = tp_confine(purpose == .serving ? 1 : 0)
        return result < 0 ? systemText(result) : nil
    }
}
