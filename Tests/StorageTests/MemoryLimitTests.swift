import Foundation
import Storage
import Testing

@Suite struct MemoryLimitTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "taper-limit-\(UUID().uuidString)").path

    private func write(_ path: String, _ text: String) throws {
        let url = URL(filePath: folder + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: true, encoding: .utf8)
    }

    @Test func sizesFilesAndAutomaticAreRead() throws {
        #expect(try MemoryLimit(parsing: "800M") == .bytes(800_000_000))
        #expect(try MemoryLimit(parsing: "auto") == .automatic)
        #expect(try MemoryLimit(parsing: "file:/run/limit") == .file("/run/limit"))
        for text in ["0", "file:", "automatic", "", "-5M"] {
            #expect(throws: TaperError(.usage, "")) { try MemoryLimit(parsing: text) }
        }
    }

    @Test func aReadingHasWhatTheProcessHolds() {
        let reading = MemoryWatch(.bytes(5)).read()
        #expect(reading.limit == 5)
        #expect(reading.ownBytes > 1 << 20 && reading.fileBytes > 1 << 20)
        #expect(reading.residentBytes == reading.ownBytes + reading.fileBytes)
    }

    /// What a file says last and understandably holds; everything else is told once.
    @Test func aFileIsReadAgainAndAgain() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("/limit", "2GB\n")
        let watch = MemoryWatch(.file(folder + "/limit"))
        #expect(watch.read().limit == 2_000_000_000)
        try write("/limit", "500M")
        #expect(watch.read().limit == 500_000_000 && watch.newWarnings().isEmpty)
        for _ in 0..<3 {
            try write("/limit", "plenty")
            #expect(watch.read().limit == 500_000_000)
        }
        #expect(watch.newWarnings().count == 1 && watch.newWarnings().isEmpty)
        try FileManager.default.removeItem(atPath: folder + "/limit")
        #expect(watch.read().limit == 500_000_000)
        #expect(watch.newWarnings().count == 1)
        #expect(throws: TaperError(.noInput, "")) { try MemoryWatch.size(inFile: folder + "/limit") }
    }

    @Test func automaticIsWhatIsLeftAndWhatIsHeld() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("/proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 1000000 kB\n")
        let reading = MemoryWatch(.automatic, root: folder).read()
        let available = 1_024_000_000
        #expect(reading.limit == reading.ownBytes + available - available / 32)
    }

    @Test func whereNobodySaysThereIsNoLimit() {
        #expect(MemoryWatch(.automatic, root: folder).read().limit == nil)
    }
}
