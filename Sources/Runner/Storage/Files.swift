internal import CPlatform

/// What a path names, without opening it.
public struct FileStatus: Sendable {
    public enum Kind: Sendable { case file, directory, other }
    public let kind: Kind
    public let byteCount: Int
    public let modifiedNanoseconds: Int64
    public let identity: (device: UInt64, inode: UInt64)

    public init?(path: String) {
        var status = tp_stat_t()
        guard tp_stat(path, &status) == 0 else { return nil }
        kind = status.kind == 0 ? .file : status.kind == 1 ? .directory : .other
        byteCount = Int(status.size_bytes)
        modifiedNanoseconds = status.modified_ns
        identity = (status.device, status.inode)
    }
}

/// Whole-file and directory operations that the modules below Foundation need.
public enum Files {
    public static func exists(_ path: String) -> Bool { FileStatus(path: path) != nil }
    public static func isDirectory(_ path: String) -> Bool { FileStatus(path: path)?.kind == .directory }

    /// Do both paths name the same file (also through links)?
    public static func same(_ left: String, _ right: String) -> Bool {
        guard let a = FileStatus(path: left), let b = FileStatus(path: right) else { return false }
        return a.identity == b.identity
    }

    /// Reads a regular file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int) throws(TaperError) -> [UInt8] {
        let descriptor = try openForReading(path)
        defer { _ = tp_close(descriptor) }
        var status = tp_stat_t()
        guard tp_fstat(descriptor, &status) == 0 else { throw TaperError(.noInput, "cannot read the size", at: path) }
        guard status.size_bytes <= Int64(limit) else {
            throw TaperError(
                .badData, "the file is too large", at: path, expected: "at most " + byteText(limit),
                found: byteText(Int(status.size_bytes)))
        }
        let byteCount = Int(status.size_bytes)
        try Memory.require(byteCount, for: "reading " + path)
        var result: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            result = byteCount == 0 ? 0 : tp_pread(descriptor, buffer.baseAddress, byteCount, 0)
            count = max(0, Int(result))
        }
        guard result >= 0 else { throw TaperError(.inputOutput, "cannot read: " + systemText(result), at: path) }
        guard bytes.count == byteCount else {
            throw TaperError(
                .inputOutput, "the file became shorter while being read", at: path, expected: byteText(byteCount),
                found: byteText(bytes.count))
        }
        return bytes
    }

    /// Entry names of a directory, sorted by bytes.
    public static func list(_ path: String) throws(TaperError) -> [String] {
        final class Names { var all: [String] = [] }
        let names = Names()
        let result = tp_list_directory(path, Unmanaged.passUnretained(names).toOpaque()) { context, name in
            guard let context, let name else { return }
            Unmanaged<Names>.fromOpaque(context).takeUnretainedValue().all.append(Files.text(ofPath: name))
        }
        guard result == 0 else { throw TaperError(.noInput, "cannot list: " + systemText(result), at: path) }
        return names.all.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    /// Creates a directory and its missing parents.
    public static func createDirectory(_ path: String) throws(TaperError) {
        if isDirectory(path) || path.isEmpty { return }
        let parent = directory(of: path)
        if parent != path { try createDirectory(parent) }
        let result = tp_mkdir(path, 0o777)
        guard result == 0 || isDirectory(path) else {
            throw TaperError(.cannotCreate, "cannot create the directory: " + systemText(result), at: path)
        }
    }

    /// The path without links; itself when it cannot be resolved.
    public static func resolved(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4097)
        guard tp_real_path(path, &buffer, buffer.count - 1) > 0 else { return path }
        return buffer.withUnsafeBufferPointer { all in all.baseAddress.map { text(ofPath: $0) } ?? path }
    }

    public static func remove(_ path: String) { _ = tp_unlink(path) }

    /// "a/b" for "a/b/c", "." for "c".
    public static func directory(of path: String) -> String {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: 0x2f) else { return "." }
        return slash == 0 ? "/" : String(decoding: bytes[0..<slash], as: UTF8.self)
    }

    /// "c" for "a/b/c".
    public static func name(of path: String) -> String {
        let bytes = Array(path.utf8)
        guard let slash = bytes.lastIndex(of: 0x2f) else { return path }
        return String(decoding: bytes[(slash + 1)...], as: UTF8.self)
    }

    public static func freeBytes(at path: String) -> Int? {
        let result = tp_free_bytes(path)
        return result < 0 ? nil : Int(result)
    }

    public static func environment(_ name: String) -> String? {
        guard let value = tp_environment(name) else { return nil }
        return text(ofPath: value)
    }
}
