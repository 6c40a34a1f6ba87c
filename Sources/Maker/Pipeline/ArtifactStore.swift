import Foundation
package import Storage

/// Outputs of stages, stored under their content keys; each file ends with its checksum.
///
/// A file appears by rename, so what exists is complete. What is damaged (cut, changed, another's content, a folder in its
/// place, unreadable) counts as absent and is made again: a store must never stop a conversion. Any number of processes use one
/// store at once: who makes an output claims it, and others wait for that one output or make another meanwhile.
///
/// A file's content: the output, a record of what it was made from (JSON), the record's length (u64), and the XXH64 of record
/// and length, seeded with that of the output, seeded with the key's (u64).
package final class ArtifactStore {
    package let path: String
    /// Hears of damage, once for every file.
    package var report: (String) -> Void = { _ in }
    private var reported: Set<String> = []
    private static let tailByteCount = 16

    package init(path: String) { self.path = path }

    /// - Parameter folder: nil: the user's cache.
    package convenience init(folder: String?) throws(TaperError) {
        if let folder { self.init(path: folder) } else { self.init(path: try Self.defaultPath()) }
    }

    /// Creates the folder, and clears away what killed processes were writing.
    package func open() throws(TaperError) {
        try Files.createDirectory(path)
        _ = try remains(isDry: false)
    }

    /// `$XDG_CACHE_HOME/taper/work`, or the same below `~/.cache`.
    private static func defaultPath() throws(TaperError) -> String {
        if let cache = Files.environment("XDG_CACHE_HOME"), cache.hasPrefix("/") { return cache + "/taper/work" }
        guard let home = Files.environment("HOME"), !home.isEmpty else {
            throw TaperError(
                .usage, "neither XDG_CACHE_HOME nor HOME is set, so there is no folder for intermediate results",
                at: "", remedy: "Name one with \(field("work")) DIR")
        }
        return home + "/.cache/taper/work"
    }

    package func filePath(_ kind: String, _ key: ContentKey) -> String { path + "/" + kind + "-" + key.text }

    /// The right to make an output, until the object goes or the process dies; nil while another process has it.
    /// - Throws: `cannotCreate` when the folder cannot be written.
    package func claim(_ kind: String, _ key: ContentKey) throws(TaperError) -> FileLock? {
        do throws(TaperError) {
            return try FileLock(path: claimPath(kind + "-" + key.text), isTemporary: true, remedy: "")
        } catch {
            if error.code == .busy { return nil }
            throw TaperError(error.code, error.message + ". Name another folder with \(field("work"))")
        }
    }

    /// The same, as soon as no other process has it.
    func waitForClaim(
        _ kind: String, _ key: ContentKey, _ progress: Progress
    ) throws(TaperError) -> FileLock {
        var isNoted = false
        while true {
            if let claim = try claim(kind, key) { return claim }
            if !isNoted { progress.note("another process has the \(kind) \(key.text): waiting for it") }
            isNoted = true
            try Interrupt.check("Run the same command again to go on")
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    func claimPath(_ name: String) -> String { path + "/." + name + ".claim" }

    /// Whether the output is there and whole; reads all of it.
    package func contains(_ kind: String, _ key: ContentKey) -> Bool { sound(kind, key) { _ in true } ?? false }

    package func remove(_ kind: String, _ key: ContentKey) { clear(filePath(kind, key)) }

    /// - Parameter record: what it was made from, for people who ask why it would be made again.
    package func store(
        _ bytes: [UInt8], _ kind: String, _ key: ContentKey, record: JSONValue = .object([])
    ) throws(TaperError) {
        let path = filePath(kind, key)
        makeRoom(at: path)
        let file = try AtomicFile(path: path, replacing: true)
        var tail = ByteWriter()
        tail.raw(record.bytes())
        tail.u64(UInt64(tail.bytes.count))
        tail.u64(checksum(tail.bytes, seed: checksum(bytes, seed: key.seed)))
        try file.append(bytes)
        try file.append(tail.bytes)
        try file.commit()
    }

    /// The stored bytes, or nil when there are none or they are damaged. Whoever loads an output uses it: its time changes.
    package func load(_ kind: String, _ key: ContentKey) -> [UInt8]? {
        guard let bytes = sound(kind, key, { Array($0) }) else { return nil }
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: filePath(kind, key))
        return bytes
    }

    /// Says that stored content that was whole made no sense, and removes it.
    package func discard(_ kind: String, _ key: ContentKey) {
        damaged(filePath(kind, key))
        remove(kind, key)
    }

    /// The record of a file of the store; nil when it is not one.
    package func record(at path: String) -> JSONValue? {
        guard let file = try? MappedFile(path: path), let count = Self.recordByteCount(file.bytes) else { return nil }
        let end = file.bytes.count - Self.tailByteCount
        return try? JSONValue.parse(Array(file.bytes[(end - count)..<end]), place: path)
    }

    private static func recordByteCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= tailByteCount else { return nil }
        let count = UInt64(
            littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - tailByteCount, as: UInt64.self))
        return count <= UInt64(bytes.count - tailByteCount) ? Int(count) : nil
    }

    private func sound<R>(_ kind: String, _ key: ContentKey, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        let path = filePath(kind, key)
        // A link that leads nowhere is there too, though nothing is at its end.
        guard isThere(path) else { return nil }
        guard let file = try? MappedFile(path: path), let recordByteCount = Self.recordByteCount(file.bytes) else {
            damaged(path)
            return nil
        }
        let end = file.bytes.count - 8
        let stored = UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
        let split = end - 8 - recordByteCount
        let content = UnsafeRawBufferPointer(rebasing: file.bytes[..<split])
        let tail = UnsafeRawBufferPointer(rebasing: file.bytes[split..<end])
        guard checksum(tail, seed: checksum(content, seed: key.seed)) == stored else {
            damaged(path)
            return nil
        }
        return body(content)
    }

    private func damaged(_ path: String) {
        guard reported.insert(path).inserted else { return }
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
