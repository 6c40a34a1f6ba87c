import Foundation
import Storage
import Testing

/// A folder that goes away with the test.
final class ScratchFolder {
    let path: String
    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("taper-" + UUID().uuidString).path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { path + "/" + name }
}

@Suite struct FilesTests {
    let scratch = ScratchFolder()

    @Test func atomicFileAppearsOnlyWhenCommitted() throws {
        let path = scratch.file("out")
        do {
            let file = try AtomicFile(path: path, replacing: false)
            try file.append(Array("hello".utf8))
            #expect(!Files.exists(path))
        }
        #expect(try Files.list(scratch.path) == [])
        let file = try AtomicFile(path: path, replacing: false)
        try file.append(Array("hello".utf8))
        try file.pad(to: 8)
        try file.overwrite(at: 0, Array("J".utf8))
        try file.commit()
        #expect(try Files.read(path, limit: 100) == Array("Jello\0\0\0".utf8))
        #expect(try Files.list(scratch.path) == ["out"])
    }

    /// By whole pages, which a file system may shift, and by others, which are moved.
    @Test(arguments: [0, 4096, 8192, 1, 5000]) func whatFollowsAnInsertionKeepsItsBytes(count: Int) throws {
        let path = scratch.file("out")
        let bytes = (0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }
        let file = try AtomicFile(path: path, replacing: false)
        try file.append(bytes)
        try file.insert(count, at: 8192)
        #expect(file.byteCount == bytes.count + count)
        try file.commit()
        let found = try Files.read(path, limit: 1 << 26)
        let isKept =
            found.count == bytes.count + count && found[..<8192] == bytes[..<8192]
            && found[(8192 + count)...].elementsEqual(bytes[8192...])
        #expect(isKept)
    }

    @Test func remainsOfKilledWritersGoAndOthersStay() throws {
        let path = scratch.file("out")
        for name in [".out.partial-1", ".out.partial-4194303", ".out2.partial-1", "out.partial-1"] {
            try AtomicFile.write([1], to: scratch.file(name), replacing: false)
        }
        AtomicFile.removeRemains(of: path)
        #expect(try Files.list(scratch.path) == [".out2.partial-1", "out.partial-1"])
    }

    @Test func existingOutputNeedsPermission() throws {
        let path = scratch.file("out")
        try AtomicFile.write([1], to: path, replacing: false)
        #expect(throws: TaperError(.cannotCreate, "")) { try AtomicFile.write([2], to: path, replacing: false) }
        #expect(try Files.read(path, limit: 10) == [1])
        try AtomicFile.write([2], to: path, replacing: true)
        #expect(try Files.read(path, limit: 10) == [2])
    }

    @Test func missingFolderIsACannotCreate() {
        #expect(throws: TaperError(.cannotCreate, "")) {
            try AtomicFile.write([1], to: scratch.file("no/such/out"), replacing: false)
        }
    }

    @Test func onlyRegularFilesAreRead() throws {
        #expect(throws: TaperError(.noInput, "")) { try Files.read(scratch.path, limit: 10) }
        #expect(throws: TaperError(.noInput, "")) { try Files.read("/dev/zero", limit: 10) }
        #expect(throws: TaperError(.noInput, "")) { try Files.read(scratch.file("absent"), limit: 10) }
        let fifo = scratch.file("fifo")
        #expect(mkfifo(fifo, 0o600) == 0)
        #expect(throws: TaperError(.noInput, "")) { try MappedFile(path: fifo) }
        #expect(symlink("loop", scratch.file("loop")) == 0)
        #expect(throws: TaperError(.noInput, "")) { try Files.read(scratch.file("loop"), limit: 10) }
    }

    @Test func limitIsCheckedBeforeReading() throws {
        try AtomicFile.write([UInt8](repeating: 7, count: 100), to: scratch.file("big"), replacing: false)
        #expect(throws: TaperError(.badData, "")) { try Files.read(scratch.file("big"), limit: 99) }
    }

    @Test func mapsEmptyAndOrdinaryFiles() throws {
        try AtomicFile.write([], to: scratch.file("empty"), replacing: false)
        #expect(try MappedFile(path: scratch.file("empty")).bytes.count == 0)
        try AtomicFile.write([1, 2, 3], to: scratch.file("three"), replacing: false)
        let mapped = try MappedFile(path: scratch.file("three"))
        let copy = withExtendedLifetime(mapped) { Array(mapped.bytes) }
        #expect(copy == [1, 2, 3])
    }

    @Test func pathsSplitAsExpected() {
        #expect(Files.directory(of: "a/b/c") == "a/b")
        #expect(Files.directory(of: "c") == ".")
        #expect(Files.directory(of: "/c") == "/")
        #expect(Files.name(of: "a/b/c") == "c")
    }
}

@Suite struct ZstdTests {
    @Test func roundTripsAndChecksDeclaredSize() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 50) }
        let packed = try Zstd.compress(bytes)
        #expect(packed.count < bytes.count / 10)
        let back = try packed.withBytes { raw throws(TaperError) in
            try Zstd.decompress(raw, byteCount: bytes.count, place: "t")
        }
        #expect(back == bytes)
        for wrong in [0, 1, bytes.count - 1, bytes.count + 1, Int.max] {
            #expect(throws: TaperError(.badData, "")) {
                try packed.withBytes { raw throws(TaperError) in
                    try Zstd.decompress(raw, byteCount: wrong, place: "t")
                }
            }
        }
    }

    @Test func everyDamagedByteIsFound() throws {
        let bytes = Array("the same bytes, the same bytes, the same bytes".utf8)
        let packed = try Zstd.compress(bytes)
        for index in packed.indices {
            for bit in 0..<8 {
                var damaged = packed
                damaged[index] ^= 1 << UInt8(bit)
                let result = try? damaged.withBytes { raw throws(TaperError) in
                    try Zstd.decompress(raw, byteCount: bytes.count, place: "t")
                }
                // A flip that changes nothing but an unused bit may pass; wrong bytes may not.
                #expect(result == nil || result == bytes)
            }
        }
        let trailing = packed + [0]
        #expect(throws: TaperError(.badData, "")) {
            try trailing.withBytes { raw throws(TaperError) in
                try Zstd.decompress(raw, byteCount: bytes.count, place: "t")
            }
        }
    }
}
