import Foundation
package import Storage

/// Outputs of stages, stored under their content keys; each file ends with its checksum.
///
/// A file appears by rename, so what exists is complete. What is damaged (cut, changed, another's content, a folder in its
/// place, unreadable) counts as absent and is made again: a cache must never stop a conversion.
package final class WorkFolder {
    package let path: String
    private var lock: FileLock?
    /// Hears of damage, once for every file.
    package var report: (String) -> Void = { _ in }

    package init(path: String) { self.path = path }

    /// Creates the folder and keeps others out until this object goes.
    /// - Throws: `busy` when another process works here.
    package func open() throws(TaperError) {
        try Files.createDirectory(path)
        if Files.isDirectory(path + "/lock") { clear(path + "/lock") }
        lock = try FileLock(
            path: path + "/lock", remedy: "Wait for it to end, or choose another folder with \(field("work"))")
    }

    /// `$XDG_CACHE_HOME/taper/work`, or the same below `~/.cache`.
    static func defaultPath() throws(TaperError) -> String {
        if let cache = Files.environment("XDG_CACHE_HOME"), cache.hasPrefix("/") { return cache + "/taper/work" }
        guard let home = Files.environment("HOME"), !home.isEmpty else {
            throw TaperError(
                .usage, "neither XDG_CACHE_HOME nor HOME is set, so there is no folder for intermediate results",
                at: "", remedy: "Name one with \(field("work")) DIR")
        }
        return home + "/.cache/taper/work"
    }

    package func filePath(_ kind: String, _ key: ContentKey) -> String { path + "/" + kind + "-" + key.text }

    /// Whether the output is there and whole; reads all of it.
    package func contains(_ kind: String, _ key: ContentKey) -> Bool { sound(kind, key) { _ in true } ?? false }

    package func remove(_ kind: String, _ key: ContentKey) { clear(filePath(kind, key)) }

    package func store(_ bytes: [UInt8], _ kind: String, _ key: ContentKey) throws(TaperError) {
        let path = filePath(kind, key)
        makeRoom(at: path)
        let file = try AtomicFile(path: path, replacing: true)
        try file.append(bytes)
        var tail = ByteWriter()
        tail.u64(checksum(bytes, seed: key.seed))
        try file.append(tail.bytes)
        try file.commit()
    }

    /// The stored bytes, or nil when there are none or they are damaged.
    package func load(_ kind: String, _ key: ContentKey) -> [UInt8]? { sound(kind, key) { Array($0) } }

    /// Says that stored content that was whole made no sense, and removes it.
    package func discard(_ kind: String, _ key: ContentKey) {
        damaged(filePath(kind, key))
        remove(kind, key)
    }

    private func sound<R>(_ kind: String, _ key: ContentKey, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        let path = filePath(kind, key)
        // A link that leads nowhere is there too, though nothing is at its end.
        guard isThere(path) else { return nil }
        guard let file = try? MappedFile(path: path), file.bytes.count >= 8 else {
            damaged(path)
            return nil
        }
        let content = UnsafeRawBufferPointer(rebasing: file.bytes[..<(file.bytes.count - 8)])
        let stored = UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: content.count, as: UInt64.self))
        guard checksum(content, seed: key.seed) == stored else {
            damaged(path)
            return nil
        }
        return body(content)
    }

    private func damaged(_ path: String) {
        report("the intermediate result \(path) is damaged; it is made again")
    }

    private func isThere(_ path: String) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: path)) != nil
    }

    /// A file is replaced by renaming; anything else in its place has to go first.
    private func makeRoom(at path: String) {
        if let status = FileStatus(path: path), status.kind == .file { return }
        if isThere(path) { clear(path) }
    }

    private func clear(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}

// Files that other code writes and maps: bundles. Beside each stands its seal, the checksum of the whole file.
extension WorkFolder {
    /// A path to write a bundle to, free of whatever is no file.
    package func place(_ kind: String, _ key: ContentKey) -> String {
        let path = filePath(kind, key)
        remove(kind + "-seal", key)
        makeRoom(at: path)
        return path
    }

    /// Vouches for what was written to `place`.
    package func seal(_ kind: String, _ key: ContentKey) throws(TaperError) {
        try store(sealBytes(try MappedFile(path: filePath(kind, key)), key), kind + "-seal", key)
    }

    /// Whether the file is the one that was sealed, byte for byte.
    package func isSealed(_ kind: String, _ key: ContentKey) -> Bool {
        let path = filePath(kind, key)
        guard isThere(path) else { return false }
        guard let seal = load(kind + "-seal", key), let file = try? MappedFile(path: path),
            sealBytes(file, key) == seal
        else {
            damaged(path)
            return false
        }
        return true
    }

    private func sealBytes(_ file: MappedFile, _ key: ContentKey) -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(UInt64(file.bytes.count))
        writer.u64(checksum(file.bytes, seed: key.seed))
        return writer.bytes
    }
}
