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

@Suite struct WorkFolderTests {
    private let folder: String
    private let work: WorkFolder
    private let key = ContentKey("test", version: 1, ["number": 1])
    private let other = ContentKey("test", version: 1, ["number": 2])
    private final class Notes: @unchecked Sendable { var all: [String] = [] }
    private let notes = Notes()

    init() throws {
        folder = NSTemporaryDirectory() + "taper-work-" + UUID().uuidString
        work = WorkFolder(path: folder)
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
        #expect(notes.all.count == 2 && notes.all[0].contains(work.filePath("kind", key)))
        try work.store([1, 2, 3], "kind", key)
        #expect(work.load("kind", key) == [1, 2, 3])
        #expect(work.load("kind", other) == [4, 5, 6])
    }

    @Test(arguments: Damage.allCases) func aSealedFileIsTheOneThatWasSealed(_ damage: Damage) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ key: ContentKey, _ bytes: [UInt8]) throws {
            try AtomicFile.write(bytes, to: work.place("bundle", key), replacing: true)
            try work.seal("bundle", key)
        }
        #expect(!work.isSealed("bundle", key))
        try write(key, [1, 2, 3])
        try write(other, [1, 2, 4])
        #expect(work.isSealed("bundle", key) && notes.all.isEmpty)
        try damage.apply(to: work.filePath("bundle", key))
        #expect(!work.isSealed("bundle", key) && !notes.all.isEmpty)
        try write(key, [1, 2, 3])
        #expect(work.isSealed("bundle", key))
        try damage.apply(to: work.filePath("bundle-seal", key))
        #expect(!work.isSealed("bundle", key))
        // A file whose writing was cut off before it was sealed.
        try write(key, [1, 2, 3])
        Files.remove(work.filePath("bundle-seal", key))
        #expect(!work.isSealed("bundle", key))
    }
}
