import Foundation
import Storage
import Testing

@Suite struct FileLockTests {
    let scratch = ScratchFolder()

    @Test func aSecondHolderIsRefused() throws {
        let path = scratch.file("lock")
        var first: FileLock? = try FileLock(path: path, remedy: "Wait")
        #expect(throws: TaperError(.busy, "")) { try FileLock(path: path, remedy: "Wait") }
        withExtendedLifetime(first) {}
        first = nil
        #expect(throws: Never.self) { try FileLock(path: path, remedy: "Wait") }
    }

    @Test func aTemporaryLockLeavesNothing() throws {
        let path = scratch.file("lock")
        do {
            let lock = try FileLock(path: path, isTemporary: true, remedy: "Wait")
            #expect(throws: TaperError(.busy, "")) { try FileLock(path: path, isTemporary: true, remedy: "Wait") }
            withExtendedLifetime(lock) {}
        }
        #expect(try Files.list(scratch.path) == [])
    }

    @Test func aFileLeftByAKilledProcessIsTaken() throws {
        try AtomicFile.write([], to: scratch.file("lock"), replacing: false)
        #expect(throws: Never.self) { try FileLock(path: scratch.file("lock"), isTemporary: true, remedy: "Wait") }
    }
}

@Suite struct FileNamesTests {
    let scratch = ScratchFolder()

    @Test(arguments: [
        "plain", "\u{e9}\u{4e2d}", "\u{10fffd}", "\u{10ff80}x",
    ])
    func namesThatAreTextStayText(name: String) {
        // Characters that stand for bytes are themselves taken apart.
        let text = name.withCString { Files.text(ofPath: $0) }
        #expect(Files.isEscaped(text) == name.unicodeScalars.contains { $0.value >= 0x10ff80 })
        #expect(Files.isEscaped(text) || text == name)
    }

    @Test(arguments: [
        [0x61, 0xff, 0x62] as [UInt8], [0x80], [0xc3], [0xe4, 0xb8], [0xf4, 0x8f, 0xbe, 0x80],
        [0xf4, 0x8f, 0xbf, 0xbf, 0xfe],
        [0xed, 0xa0, 0x80], [0xc3, 0xa9, 0xbf],
    ])
    func everyNameOfTheSystemComesBackExactly(name: [UInt8]) throws {
        let bytes = Array(scratch.path.utf8) + [0x2f] + name
        let text = (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
            $0.baseAddress.map { Files.text(ofPath: $0) } ?? ""
        }
        try AtomicFile.write([1, 2, 3], to: text, replacing: false)
        #expect(try Files.read(text, limit: 10) == [1, 2, 3])
        let listed = try Files.list(scratch.path)
        #expect(listed.map { scratch.path + "/" + $0 } == [text])
        // The system knows it by its bytes.
        let raw = bytes.map { CChar(bitPattern: $0) } + [0]
        #expect(raw.withUnsafeBufferPointer { $0.baseAddress.map { access($0, R_OK) } } == 0)
    }

    @Test func messagesShowTheBytes() {
        let text = [CChar(bitPattern: 0xff), 0].withUnsafeBufferPointer {
            $0.baseAddress.map { Files.text(ofPath: $0) } ?? ""
        }
        #expect(printable(text) == "\\xff")
        #expect(withoutControls("a\u{1b}[31m\nb\u{7f}") == "a\\u{1b}[31m\nb\\u{7f}")
        #expect(TaperError(.badData, "x", at: "a\u{1b}\nb").message == "a\\u{1b}\\u{a}b: x")
    }
}
