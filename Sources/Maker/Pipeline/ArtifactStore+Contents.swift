import Foundation
package import Storage

/// A file of a store.
package struct StoredArtifact {
    /// The stage that made it.
    package let kind: String
    package let path: String
    package let byteCount: Int
    /// When it was made or loaded last, in seconds since 1970.
    package let lastUse: Double

    var name: String { Files.name(of: path) }
}

extension ArtifactStore {
    /// What is stored, by name; files of earlier versions too, which nobody finds any more.
    package func contents() -> [StoredArtifact] {
        ((try? Files.list(path)) ?? []).compactMap { name in
            guard let kind = Self.kind(ofName: name), let status = FileStatus(path: path + "/" + name),
                status.kind == .file
            else { return nil }
            return StoredArtifact(
                kind: kind, path: path + "/" + name, byteCount: status.byteCount,
                lastUse: Double(status.modifiedNanoseconds) / 1e9)
        }
    }

    /// "tune" of "tune-0123456789abcdef0123456789abcdef".
    private static func kind(ofName name: String) -> String? {
        let bytes = Array(name.utf8)
        guard bytes.count > 33, bytes[0] != 0x2e, bytes[bytes.count - 33] == 0x2d,
            bytes.suffix(32).allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return String(decoding: bytes.dropLast(33), as: UTF8.self)
    }

    /// Stored outputs of a kind, the latest used first.
    package func stored(_ kind: String) -> [StoredArtifact] {
        contents().filter { $0.kind == kind }.sorted { $0.lastUse > $1.lastUse }
    }
}

/// What to remove from a store.
package struct PruneRule {
    /// Whatever was not used for so many seconds.
    package var unusedSeconds: Double?
    /// The longest unused, until so many bytes are left.
    package var byteLimit: Int?

    package init(unusedSeconds: Double?, byteLimit: Int?) {
        self.unusedSeconds = unusedSeconds
        self.byteLimit = byteLimit
    }

    /// - Parameter now: seconds since 1970.
    func chosen(_ all: [StoredArtifact], now: Double) -> [StoredArtifact] {
        let oldest = all.sorted { ($0.lastUse, $0.name) < ($1.lastUse, $1.name) }
        var left = all.reduce(0) { $0 + $1.byteCount }
        return oldest.filter { artifact in
            let isOld = unusedSeconds.map { now - artifact.lastUse >= $0 } ?? false
            let isTooMuch = byteLimit.map { left > $0 } ?? false
            guard isOld || isTooMuch else { return false }
            left -= artifact.byteCount
            return true
        }
    }
}

extension ArtifactStore {
    /// Removes outputs, and what killed processes left; never one that a process has claimed.
    /// - Parameter isDry: only say what would go.
    package func prune(
        _ rule: PruneRule, now: Double = Date().timeIntervalSince1970, isDry: Bool = false
    ) throws(TaperError) -> [StoredArtifact] {
        var removed: [StoredArtifact] = []
        for artifact in rule.chosen(contents(), now: now) {
            try ifUnclaimed(artifact.name, isDry: isDry) {
                removed.append(artifact)
                if !isDry { Files.remove(artifact.path) }
            }
        }
        return removed + (try remains(isDry: isDry))
    }

    /// Files that processes were writing when they were killed, and their claims, which count nothing.
    func remains(isDry: Bool) throws(TaperError) -> [StoredArtifact] {
        var removed: [StoredArtifact] = []
        for name in (try? Files.list(path)) ?? [] where name.hasPrefix(".") {
            let pieces = name.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
            guard pieces.count == 2, Self.kind(ofName: String(pieces[0])) != nil else { continue }
            let isClaim = pieces[1] == "claim"
            guard isClaim || pieces[1].hasPrefix("partial-"), let status = FileStatus(path: path + "/" + name)
            else { continue }
            try ifUnclaimed(String(pieces[0]), isDry: isDry) {
                // A claim's file goes with the claim that was just taken.
                guard !isClaim else { return }
                removed.append(
                    StoredArtifact(
                        kind: "unfinished", path: path + "/" + name, byteCount: status.byteCount,
                        lastUse: Double(status.modifiedNanoseconds) / 1e9))
                if !isDry { Files.remove(path + "/" + name) }
            }
        }
        return removed
    }

    /// Calls `body` unless another process has claimed the output. What only looks writes nothing, so it works where nothing can
    /// be written, too.
    private func ifUnclaimed(_ name: String, isDry: Bool, _ body: () -> Void) throws(TaperError) {
        let path = claimPath(name)
        do throws(TaperError) {
            let claim = isDry && !Files.exists(path) ? nil : try FileLock(path: path, isTemporary: !isDry, remedy: "")
            defer { withExtendedLifetime(claim) {} }
            body()
        } catch {
            guard isDry || error.code == .busy else { throw error }
        }
    }
}
