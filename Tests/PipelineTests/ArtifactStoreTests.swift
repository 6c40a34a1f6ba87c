import Foundation
import Pipeline
import Storage
import Testing

/// Ways in which a file can be no good.
enum Damage: CaseIterable {
    case empty, cutShort, cutByOne, longer, flippedFirst, flippedMiddle, flippedLast, directory, fullDirectory, loop
    case otherContent

    func apply(to path: String) throws {
        let files = FileManager.default
        var bytes = try Files.read(path, limit: 1 << 30)
        switch self {
        case .empty: bytes = []
        case .cutShort: bytes.removeLast(bytes.count / 2)
        case .cutByOne: bytes.removeLast()
        case .longer: bytes.append(0)
        case .flippedFirst: bytes[0] ^= 1
        case .flippedMiddle: bytes[bytes.count / 2] ^= 0x40
        case .flippedLast: bytes[bytes.count - 1] ^= 0x80
        case .otherContent:
            // Whole and with a checksum, but another file's.
            let name = Files.name(of: path)
            let kind = name.split(separator: "-").dropLast().joined(separator: "-")
            let folder = Files.directory(of: path)
            let others = try Files.list(folder).filter {
                $0.hasPrefix(kind + "-") && $0.count == name.count && $0 != name
            }
            if let other = others.first { bytes = try Files.read(folder + "/" + other, limit: 1 << 30) } else { return }
        case .directory, .fullDirectory, .loop:
            try files.removeItem(atPath: path)
            if self == .loop {
                // Not even the superuser can read it.
                try files.createSymbolicLink(atPath: path, withDestinationPath: path)
                return
            }
            try files.createDirectory(atPath: path, withIntermediateDirectories: false)
            if self == .fullDirectory { try Data([1]).write(to: URL(fileURLWithPath: path + "/file")) }
            return
        }
        try files.removeItem(atPath: path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

@Suite struct ArtifactStoreTests {
    private let folder: String
    private let work: ArtifactStore
    private let key = ContentKey("test", version: 1, ["number": 1])
    private let other = ContentKey("test", version: 1, ["number": 2])
    private final class Notes: @unchecked Sendable { var all: [String] = [] }
    private let notes = Notes()

    init() throws {
        folder = NSTemporaryDirectory() + "taper-work-" + UUID().uuidString
        work = ArtifactStore(path: folder)
        try work.open()
        let notes = notes
        work.report = { notes.all.append($0) }
    }

    @Test func whatIsStoredComesBack() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(work.load("kind", key) == nil && !work.contains("kind", key))
        for bytes in [[], [1], [UInt8](repeating: 7, count: 100_000)] {
            try work.store(bytes, "kind", key)
            #expect(work.load("kind", key) == bytes && work.contains("kind", key))
        }
        #expect(notes.all.isEmpty)
    }

    @Test(arguments: Damage.allCases) func whatIsDamagedIsAbsentAndCanBeStoredAgain(_ damage: Damage) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try work.store([1, 2, 3], "kind", key)
        try work.store([4, 5, 6], "kind", other)
        try damage.apply(to: work.filePath("kind", key))
        #expect(work.load("kind", key) == nil && !work.contains("kind", key))
        #expect(notes.all.count == 1 && notes.all[0].contains(work.filePath("kind", key)))
        try work.store([1, 2, 3], "kind", key)
        #expect(work.load("kind", key) == [1, 2, 3])
        #expect(work.load("kind", other) == [4, 5, 6])
    }

    @Test func anOutputIsClaimedByOneAtATime() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let claim = try #require(try work.claim("kind", key))
            defer { withExtendedLifetime(claim) {} }
            #expect(try work.claim("kind", key) == nil)
            #expect(try work.claim("kind", other) != nil && work.claim("another", key) != nil)
            #expect(try ArtifactStore(path: folder).claim("kind", key) == nil)
        }
        #expect(try work.claim("kind", key) != nil)
        #expect(try Files.list(folder).isEmpty)
    }

    @Test func theRecordComesBackAndIsNoPartOfTheOutput() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let record = JSONValue.object([.init("stage", .string("x"))])
        try work.store([1, 2, 3], "kind", key, record: record)
        #expect(work.load("kind", key) == [1, 2, 3])
        #expect(work.record(at: work.filePath("kind", key))?["stage"]?.string == "x")
        #expect(work.record(at: folder) == nil)
    }

    /// Of three outputs, last used a long time ago, some time ago, and just now.
    private func fill() throws -> [String] {
        var paths: [String] = []
        for (index, age) in [100.0, 10, 0].enumerated() {
            let key = ContentKey("prune", version: index, [:])
            try work.store([UInt8](repeating: 1, count: 1000), "kind", key)
            paths.append(work.filePath("kind", key))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -age * 86400)], ofItemAtPath: paths[index])
        }
        return paths
    }

    @Test func pruningRemovesWhatWasNotUsedForLong() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = try fill()
        let rule = PruneRule(unusedSeconds: 30 * 86400, byteLimit: nil)
        #expect(try work.prune(rule, isDry: true).map(\.path) == [paths[0]] && Files.exists(paths[0]))
        #expect(try work.prune(rule).map(\.path) == [paths[0]])
        #expect(paths.map { Files.exists($0) } == [false, true, true])
        // Loading counts as use.
        #expect(work.load("kind", ContentKey("prune", version: 1, [:])) != nil)
        #expect(try work.prune(PruneRule(unusedSeconds: 86400, byteLimit: nil)).isEmpty)
    }

    @Test func pruningLeavesSoManyBytesAndNothingThatIsClaimed() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = try fill()
        let claim = try #require(try work.claim("kind", ContentKey("prune", version: 1, [:])))
        defer { withExtendedLifetime(claim) {} }
        #expect(try work.prune(PruneRule(unusedSeconds: nil, byteLimit: 3 * 1100)).isEmpty)
        // The oldest two would go.
        #expect(try work.prune(PruneRule(unusedSeconds: nil, byteLimit: 1100)).map(\.path) == [paths[0]])
        #expect(try work.prune(PruneRule(unusedSeconds: 0, byteLimit: nil)).map(\.path) == [paths[2]])
        #expect(paths.map { Files.exists($0) } == [false, true, false])
    }

    @Test func lookingAtWhatWouldGoWritesNothing() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = try fill()
        // A dead process's claim stays; a living one's holds.
        let claims = paths.map { folder + "/." + Files.name(of: $0) + ".claim" }
        let dead = claims[0]
        try AtomicFile.write([], to: dead, replacing: false)
        let held = try FileLock(path: claims[1], remedy: "")
        defer { withExtendedLifetime(held) {} }
        let before = FileStatus(path: folder)?.modifiedNanoseconds
        let removed = try work.prune(PruneRule(unusedSeconds: -.infinity, byteLimit: nil), isDry: true)
        #expect(removed.map(\.path) == [paths[0], paths[2]])
        #expect(FileStatus(path: folder)?.modifiedNanoseconds == before && Files.exists(dead))
    }

    @Test func whatAKilledProcessLeftIsClearedAway() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let name = "kind-" + key.text
        for file in ["." + name + ".partial-4194305", "." + name + ".claim", "notes.txt", ".hidden"] {
            try AtomicFile.write([1], to: folder + "/" + file, replacing: false)
        }
        do {
            // Somebody writes it again: the file may be theirs.
            let claim = try #require(try work.claim("kind", key))
            defer { withExtendedLifetime(claim) {} }
            try work.open()
            #expect(try Files.list(folder).count == 4)
        }
        try work.open()
        #expect(try Files.list(folder) == [".hidden", "notes.txt"])
    }

    @Test func filesOfEarlierVersionsAreListedAndCanGo() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["bundle-" + key.text, "bundle-seal-" + key.text, "lock"] {
            try AtomicFile.write([1], to: folder + "/" + name, replacing: false)
        }
        #expect(work.contents().map(\.kind) == ["bundle", "bundle-seal"])
        #expect(work.load("bundle", key) == nil)
        #expect(try work.prune(PruneRule(unusedSeconds: 0, byteLimit: nil)).count == 2)
        #expect(try Files.list(folder) == ["lock"])
    }
}
