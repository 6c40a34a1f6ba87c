internal import CPlatform

/// An exclusive lock on a file, held until the object goes; the system drops it when the process dies.
public final class FileLock {
    private let path: String
    private let descriptor: Int32
    private let isTemporary: Bool

    /// - Parameters:
    ///   - isTemporary: the file goes with the lock.
    ///   - remedy: what to do when another process holds it.
    /// - Throws: `busy` when another process holds the lock.
    public init(path: String, isTemporary: Bool = false, remedy: String) throws(TaperError) {
        self.path = path
        self.isTemporary = isTemporary
        while true {
            let opened = tp_open_append(path, 0o644)
            guard opened >= 0 else {
                throw TaperError(.cannotCreate, "cannot create the lock file: " + systemText(opened), at: path)
            }
            guard tp_lock(opened) == 0 else {
                _ = tp_close(opened)
                throw TaperError(.busy, "another process is working here", at: path, remedy: remedy)
            }
            var held = tp_stat_t()
            let isKnown = tp_fstat(opened, &held) == 0
            // Whoever had a temporary lock may have removed its file between our opening and locking it.
            if !isTemporary
                || isKnown && FileStatus(path: path).map({ $0.identity == (held.device, held.inode) }) ?? false
            {
                descriptor = opened
                return
            }
            _ = tp_close(opened)
        }
    }

    deinit {
        if isTemporary { _ = tp_unlink(path) }
        _ = tp_close(descriptor)
    }
}
