internal import CPlatform

/// An exclusive lock on a file, held until the object goes; the system drops it when the process dies.
public final class FileLock {
    private let descriptor: Int32

    /// - Throws: `busy` when another process holds the lock.
    public init(path: String) throws(TaperError) {
        descriptor = tp_open_append(path, 0o644)
        guard descriptor >= 0 else {
            throw TaperError(.cannotCreate, "cannot create the lock file: " + systemText(descriptor), at: path)
        }
        guard tp_lock(descriptor) == 0 else {
            _ = tp_close(descriptor)
            throw TaperError(
                .busy, "another process is working here", at: path,
                remedy: "Wait for it to end, or choose another folder with --work")
        }
    }

    deinit { _ = tp_close(descriptor) }
}
