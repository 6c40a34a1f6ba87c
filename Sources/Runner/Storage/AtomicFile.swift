internal import CPlatform

/// A file that appears complete or not at all: written beside its destination, synced, then renamed over it.
///
/// Dropped without `commit()` it leaves nothing behind.
public final class AtomicFile {
    public let path: String
    /// Where the bytes are until `commit`.
    public let partialPath: String
    fileprivate var descriptor: Int32
    /// Bytes written so far by `append`.
    public fileprivate(set) var byteCount = 0
    private var pending: [UInt8] = []

    /// - Throws: `cannotCreate` when the folder is missing or read-only, or the path exists and `replacing` is false.
    public init(path: String, replacing: Bool) throws(TaperError) {
        if let status = FileStatus(path: path) {
            guard status.kind == .file else {
                throw TaperError(.cannotCreate, "the output is not a regular file", at: path)
            }
            guard replacing else {
                throw TaperError(
                    .cannotCreate, "the output already exists", at: path,
                    remedy: "Use " + field("force") + " to replace it")
            }
        }
        // A link as output: write through it, as a plain open would.
        let resolved = Files.resolved(path)
        self.path = resolved
        partialPath = AtomicFile.partialPrefix(resolved) + String(tp_process_id())
        _ = tp_unlink(partialPath)
        descriptor = tp_open_new(partialPath, 0o644)
        guard descriptor >= 0 else {
            throw TaperError(
                .cannotCreate, "cannot create the output: " + systemText(descriptor), at: path,
                remedy: "Check that the folder exists and can be written")
        }
        pending.reserveCapacity(1 << 20)
    }

    deinit {
        if descriptor >= 0 {
            _ = tp_close(descriptor)
            _ = tp_unlink(partialPath)
        }
    }

    private static func partialPrefix(_ resolved: String) -> String {
        Files.directory(of: resolved) + "/." + Files.name(of: resolved) + ".partial-"
    }

    /// Removes what killed processes left of a file that they were writing.
    /// - Precondition: the caller's lock keeps others from writing it.
    public static func removeRemains(of path: String) {
        let prefix = Array(Files.name(of: partialPrefix(Files.resolved(path))).utf8)
        let folder = Files.directory(of: Files.resolved(path))
        for name in (try? Files.list(folder)) ?? [] where Array(name.utf8).starts(with: prefix) {
            Files.remove(folder + "/" + name)
        }
    }

    public func append(_ bytes: UnsafeRawBufferPointer) throws(TaperError) {
        byteCount += bytes.count
        if pending.count + bytes.count <= 1 << 20 {
            pending.append(contentsOf: bytes)
            return
        }
        try flush()
        try write(bytes)
    }

    public func append(_ bytes: [UInt8]) throws(TaperError) {
        try bytes.withBytes { raw throws(TaperError) in try append(raw) }
    }

    /// Zero bytes up to the next multiple of `alignment`.
    public func pad(to alignment: Int) throws(TaperError) {
        let count = roundedUp(byteCount, to: alignment) - byteCount
        if count > 0 { try append([UInt8](repeating: 0, count: count)) }
    }

    /// Overwrites bytes already appended, such as a header that was not known at first.
    public func overwrite(at offset: Int, _ bytes: [UInt8]) throws(TaperError) {
        precondition(offset >= 0 && offset + bytes.count <= byteCount, "overwrite outside the file")
        try flush()
        let result = bytes.withUnsafeBytes { tp_pwrite(descriptor, $0.baseAddress, $0.count, Int64(offset)) }
        if result < 0 { throw failure(result, bytes.count) }
    }

    /// Makes the file durable and visible under its name.
    public func commit() throws(TaperError) {
        try flush()
        let synced = tp_fsync(descriptor)
        if synced < 0 { throw failure(Int64(synced), 0) }
        let closed = tp_close(descriptor)
        descriptor = -1
        let result = closed < 0 ? closed : tp_rename(partialPath, path)
        guard result == 0 else {
            _ = tp_unlink(partialPath)
            throw TaperError(.cannotCreate, "cannot finish the output: " + systemText(result), at: path)
        }
        // The rename is done; a file system that cannot sync folders does not undo it.
        _ = tp_fsync_directory(Files.directory(of: path))
    }

    fileprivate func flush() throws(TaperError) {
        if pending.isEmpty { return }
        let bytes = pending
        pending.removeAll(keepingCapacity: true)
        try bytes.withBytes { raw throws(TaperError) in try write(raw) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(TaperError) {
        let result = tp_write(descriptor, bytes.baseAddress, bytes.count)
        if result < 0 { throw failure(result, bytes.count) }
    }

    fileprivate func failure(_ result: Int64, _ count: Int) -> TaperError {
        TaperError(
            .inputOutput, "cannot write " + String(count) + " bytes: " + systemText(result), at: path,
            remedy: "Nothing was left behind; free some space and run again")
    }

    /// Writes a whole file at once.
    public static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(TaperError) {
        let file = try AtomicFile(path: path, replacing: replacing)
        try file.append(bytes)
        try file.commit()
    }
}

// Files whose parts arrive in any order.
extension AtomicFile {
    /// Makes the file at least this long; the new bytes are zero.
    public func extend(to byteCount: Int) throws(TaperError) {
        try flush()
        guard byteCount > self.byteCount else { return }
        let result = tp_truncate(descriptor, Int64(byteCount))
        if result < 0 { throw failure(Int64(result), byteCount) }
        self.byteCount = byteCount
    }

    /// For files whose parts are then written in place: moves everything from `offset` on by `count` bytes, both multiples of 4096; what the bytes between hold is not said.
    /// Nothing is copied where the file system can do without.
    public func insert(_ count: Int, at offset: Int) throws(TaperError) {
        precondition(offset >= 0 && offset <= byteCount && count >= 0, "bytes inserted outside the file")
        try flush()
        guard count > 0 else { return }
        if offset < byteCount, tp_insert_range(descriptor, Int64(offset), Int64(count)) == 0 {
            byteCount += count
            return
        }
        var end = byteCount
        try extend(to: byteCount + count)
        // From the end, so that nothing is overwritten before it is moved.
        while end > offset {
            let start = max(offset, end - (8 << 20))
            let bytes = try read(at: start, end - start)
            try bytes.withBytes { raw throws(TaperError) in try write(at: start + count, raw) }
            end = start
        }
    }

    /// Writes inside the present length.
    public func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(TaperError) {
        precondition(offset >= 0 && offset <= byteCount - bytes.count, "write outside the file")
        try flush()
        let result = tp_pwrite(descriptor, bytes.baseAddress, bytes.count, Int64(offset))
        if result < 0 { throw failure(result, bytes.count) }
    }

    /// Reads back what was written.
    public func read(at offset: Int, _ byteCount: Int) throws(TaperError) -> [UInt8] {
        try flush()
        var result: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            result = tp_pread(descriptor, buffer.baseAddress, byteCount, Int64(offset))
            count = max(0, Int(result))
        }
        guard result == Int64(byteCount) else { throw failure(result, byteCount) }
        return bytes
    }
}
