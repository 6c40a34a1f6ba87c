internal import CPlatform

/// A whole file mapped read-only; unmapped when the last reference goes.
///
/// A file truncated under the mapping ends the program with a clear message and exit code 74 instead of SIGBUS.
public final class MappedFile {
    public let path: String
    /// Valid only while this object lives: keep the object in a property beside whatever points here.
    public let bytes: UnsafeRawBufferPointer
    public let modifiedNanoseconds: Int64
    /// The mapping; nil for an empty file and for a copy.
    private let base: UnsafeMutableRawPointer?
    private let copy: MemoryBlock?
    /// Stays open, to see whether somebody writes to the file; -1 where nobody asked for that, and for a copy.
    private let descriptor: Int32

    /// - Parameters:
    ///   - copying: read the file into memory instead of mapping it: slower to start, but nothing is read from the file later
    ///     on.
    ///   - watching: keep the file open for `isUnchanged`.
    /// - Throws: `noInput` when the path cannot be opened or is not a regular file.
    public init(path: String, copying: Bool = false, watching: Bool = false) throws(TaperError) {
        let descriptor = try openForReading(path)
        var keepsOpen = false
        defer { if !keepsOpen { _ = tp_close(descriptor) } }
        var status = tp_stat_t()
        guard tp_fstat(descriptor, &status) == 0, let byteCount = Int(exactly: status.size_bytes) else {
            throw TaperError(.noInput, "cannot read the file's size", at: path)
        }
        self.path = path
        modifiedNanoseconds = status.modified_ns
        if copying {
            let block = try MemoryBlock(
                byteCount: byteCount, dense: true, purpose: "a copy of " + path, remedy: "Leave out " + field("no_mmap")
            )
            let result = tp_pread(descriptor, block.base, byteCount, 0)
            guard result == Int64(byteCount) else {
                throw TaperError(
                    .inputOutput, result < 0 ? "cannot read: " + systemText(result) : "the file became shorter",
                    at: path)
            }
            base = nil
            copy = block
            self.descriptor = -1
            bytes = UnsafeRawBufferPointer(start: block.base, count: byteCount)
            return
        }
        copy = nil
        var mapped: UnsafeMutableRawPointer?
        let result = tp_map(descriptor, byteCount, &mapped)
        guard result == 0 else {
            throw TaperError(
                result == outOfMemory ? .inputOutput : .noInput, "cannot map the file: " + systemText(result), at: path)
        }
        base = mapped
        keepsOpen = watching
        self.descriptor = watching ? descriptor : -1
        bytes = UnsafeRawBufferPointer(start: mapped, count: mapped == nil ? 0 : byteCount)
        if let mapped {
            tp_guard_mapping(
                mapped, byteCount,
                "error: " + path + ": the file was truncated while in use. Restore it and start again\n", 74)
        }
    }

    deinit {
        if let base {
            tp_unguard_mapping(base)
            tp_unmap(base, bytes.count)
        }
        if descriptor >= 0 { _ = tp_close(descriptor) }
    }

    /// Whether nobody has written to the file since it was opened, as far as its time of change tells, where it is watched. A copy
    /// is what it was.
    public var isUnchanged: Bool {
        guard descriptor >= 0 else { return true }
        var status = tp_stat_t()
        return tp_fstat(descriptor, &status) == 0 && status.modified_ns == modifiedNanoseconds
            && status.size_bytes == Int64(bytes.count)
    }

    /// Whether the bytes are the file's own pages, not a copy.
    public var isMapped: Bool { base != nil }

    /// Hints for the kernel's page cache, and for how it is mapped.
    public enum Advice: Int32, Sendable {
        case normal = 0, sequential, willNeed, doNotNeed, smallPages, largePages, populate
    }

    /// Advises on the whole pages inside `range`; a hint, so failures are ignored.
    public func advise(_ advice: Advice, range: Range<Int>) {
        guard let base else { return }
        let page = 4096
        let start = roundedUp(range.lowerBound, to: page)
        let end = range.upperBound / page * page
        if end > start { _ = tp_advise(base + start, end - start, advice.rawValue) }
    }

    /// Keeps the whole mapping in memory; false when the system refuses.
    public func lockInMemory() -> Bool {
        guard let start = base ?? copy?.base else { return true }
        return tp_lock_memory(start, bytes.count) == 0
    }
}

/// -ENOMEM: the file is there, but more memory may not be mapped.
private let outOfMemory: Int32 = -12

/// Opens a regular file for reading; directories, pipes and devices are refused by name.
func openForReading(_ path: String) throws(TaperError) -> Int32 {
    let descriptor = tp_open_read(path)
    guard descriptor >= 0 else {
        throw TaperError(.noInput, "cannot open the file: " + systemText(descriptor), at: printable(path, limit: 400))
    }
    var status = tp_stat_t()
    guard tp_fstat(descriptor, &status) == 0, status.kind == 0 else {
        _ = tp_close(descriptor)
        throw TaperError(
            .noInput, "not a regular file", at: path, expected: "a file",
            found: status.kind == 1 ? "a directory" : "a pipe, socket or device")
    }
    return descriptor
}

func systemText(_ result: Int32) -> String {
    guard let text = tp_error_text(result) else { return "error " + String(result) }
    return String(cString: text)
}
func systemText(_ result: Int64) -> String { systemText(Int32(truncatingIfNeeded: result)) }
