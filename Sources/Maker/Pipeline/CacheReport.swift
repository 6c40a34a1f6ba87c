import Foundation
package import Storage

/// What the store of intermediate results holds, by stage.
package struct CacheReport {
    package struct Row {
        package let kind: String
        package let count: Int
        package let byteCount: Int
        /// Seconds since 1970.
        package let lastUse: Double

        /// "2026-11-26 15:04", in universal time.
        package var lastUseText: String { CacheReport.text(lastUse) }
    }

    package static let schema = "taper-cache-1"
    private let store: ArtifactStore
    private let artifacts: [StoredArtifact]

    /// - Parameter folder: nil: the user's cache.
    package init(folder: String?) throws(TaperError) {
        store = try ArtifactStore(folder: folder)
        guard !Files.exists(store.path) || Files.isDirectory(store.path) else {
            throw TaperError(
                .noInput, "the store of intermediate results is not a folder", at: store.path,
                remedy: "Name a folder with \(field("work"))")
        }
        artifacts = store.contents()
    }

    package var path: String { store.path }
    package var count: Int { artifacts.count }
    package var byteCount: Int { artifacts.reduce(0) { $0 + $1.byteCount } }

    /// In the order of stages; kinds of earlier versions last.
    package var rows: [Row] {
        let order = StageKind.allCases.map(\.name)
        return Dictionary(grouping: artifacts, by: \.kind).map { kind, all in
            Row(
                kind: kind, count: all.count, byteCount: all.reduce(0) { $0 + $1.byteCount },
                lastUse: all.map(\.lastUse).max() ?? 0)
        }.sorted {
            let (a, b) = (order.firstIndex(of: $0.kind) ?? order.count, order.firstIndex(of: $1.kind) ?? order.count)
            return (a, $0.kind) < (b, $1.kind)
        }
    }

    package var json: JSONValue {
        .object([
            .init("schema", .string(Self.schema)), .init("path", .string(path)), .init("count", .integer(count)),
            .init("bytes", .integer(byteCount)),
            .init(
                "stages",
                .array(
                    rows.map {
                        .object([
                            .init("stage", .string($0.kind)), .init("count", .integer($0.count)),
                            .init("bytes", .integer($0.byteCount)), .init("last_use", .string($0.lastUseText)),
                        ])
                    })),
        ])
    }

    private static func text(_ seconds: Double) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyy-MM-dd HH:mm"
        return format.string(from: Date(timeIntervalSince1970: seconds))
    }

    package struct Pruned {
        let removed: [StoredArtifact]
        let left: Int
        let isDry: Bool
        let path: String

        private var byteCount: Int { removed.reduce(0) { $0 + $1.byteCount } }
        package var line: String {
            (isDry ? "would free " : "freed ") + "\(byteText(byteCount)) (\(removed.count) files), "
                + "\(byteText(left)) left in \(path)"
        }
        package var json: JSONValue {
            .object([
                .init("schema", .string(CacheReport.schema)), .init("path", .string(path)),
                .init("removed", .integer(removed.count)), .init("freed_bytes", .integer(byteCount)),
                .init("left_bytes", .integer(left)), .init("dry_run", .bool(isDry)),
            ])
        }
    }

    /// Days after which nobody is expected to come back, where nothing else is asked for.
    static let usualDays = 30.0

    /// - Throws: `usage` for a time or a size that is none.
    package func prune(
        olderThanDays: Double?, maxSize: String?, all: Bool, isDry: Bool
    ) throws(TaperError) -> Pruned {
        guard !all || (olderThanDays == nil && maxSize == nil) else {
            throw TaperError(
                .usage, "\(field("all")) removes everything", at: field("all"),
                remedy: "Drop the other limits, or \(field("all"))")
        }
        if let days = olderThanDays, !(days >= 0 && days < 1e6) {
            throw TaperError(
                .usage, "\(field("older_than")) takes days from 0", at: field("older_than"), found: "\(days)")
        }
        let limit = try maxSize.map { text throws(TaperError) in try Storage.byteCount(parsing: text, of: "max_size") }
        let days = all ? 0 : olderThanDays ?? (limit == nil ? Self.usualDays : nil)
        let rule = PruneRule(unusedSeconds: all ? -.infinity : days.map { $0 * 86400 }, byteLimit: limit)
        let removed = Files.isDirectory(path) ? try store.prune(rule, isDry: isDry) : []
        let left =
            byteCount
            - removed.filter { $0.kind != "unfinished" }.reduce(0) {
                $0 + $1.byteCount
            }
        return Pruned(removed: removed, left: left, isDry: isDry, path: path)
    }
}
