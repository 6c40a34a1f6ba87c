import Storage

/// Outputs of stages, stored under their content keys; each file ends with its checksum.
///
/// A file appears by rename, so what exists is complete; a damaged one is treated as absent and made again.
final class WorkFolder {
    let path: String
    private let lock: FileLock

    /// - Throws: `busy` when another process works here.
    init(path: String) throws(TaperError) {
        try Files.createDirectory(path)
        self.path = path
        lock = try FileLock(
            path: path + "/lock", remedy: "Wait for it to end, or choose another folder with --work")
    }

    /// `$XDG_CACHE_HOME/taper/work`, or the same below `~/.cache`.
    static func defaultPath() throws(TaperError) -> String {
        if let cache = Files.environment("XDG_CACHE_HOME"), cache.hasPrefix("/") { return cache + "/taper/work" }
        guard let home = Files.environment("HOME"), !home.isEmpty else {
            throw TaperError(
                .usage, "neither XDG_CACHE_HOME nor HOME is set, so there is no folder for intermediate results",
                at: "", remedy: "Name one with --work DIR")
        }
        return home + "/.cache/taper/work"
    }

    func filePath(_ kind: String, _ key: ContentKey) -> String { path + "/" + kind + "-" + key.text }

    func contains(_ kind: String, _ key: ContentKey) -> Bool { Files.exists(filePath(kind, key)) }

    func remove(_ kind: String, _ key: ContentKey) { Files.remove(filePath(kind, key)) }

    func store(_ bytes: [UInt8], _ kind: String, _ key: ContentKey) throws(TaperError) {
        let file = try AtomicFile(path: filePath(kind, key), replacing: true)
        try file.append(bytes)
        var tail = ByteWriter()
        tail.u64(checksum(bytes))
        try file.append(tail.bytes)
        try file.commit()
    }

    /// The stored bytes, or nil when there are none or they are damaged.
    func load(_ kind: String, _ key: ContentKey) -> [UInt8]? {
        guard var bytes = try? Files.read(filePath(kind, key), limit: 1 << 36), bytes.count >= 8 else { return nil }
        let stored = bytes.suffix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
        bytes.removeLast(8)
        return checksum(bytes) == stored ? bytes : nil
    }
}
