import Bundle
import Storage
import Testing

import struct Foundation.Data
import class Foundation.FileManager
import class Foundation.ProcessInfo
import struct Foundation.URL

/// Files under `formats/golden`: a new file in a folder is a new test.
@Suite struct GoldenTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("formats/golden")

    static func files(_ kind: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(kind).path)
        return (names ?? []).filter { $0.hasSuffix(".taper") }.sorted()
    }

    /// What the generator makes of the valid files; the files in the repository stay as they were written.
    static let valid: [(name: String, bundle: TinyBundle)] = {
        var whole = TinyBundle(precisions: [2, 3, 4])
        whole.documents.append(("schedules", .array([TinyBundle.schedule([(0, 4), (16, 3), (32, 2)]).json])))
        let nested = TinyBundle(precisions: [3], embedding: [2, 5], tied: false, tokenizer: nil, documents: [])
        return [("minimal", HostileCase.base), ("whole", whole), ("nested-embedding", nested)]
    }()

    @Test(arguments: files("valid"))
    func validFilesAreRead(_ name: String) throws {
        let path = GoldenTests.folder.appendingPathComponent("valid/" + name).path
        let failure = Scratch.failure(path: path)
        #expect(failure == nil, "\(failure?.message ?? "")")
        // Every byte the specification describes is where it says: a second writer reproduces the file.
        let bytes = try Files.read(path, limit: 1 << 20)
        #expect(Forge(bytes).bytes() == bytes)
    }

    @Test(arguments: valid.map(\.name))
    func validFilesHoldWhatTheyWereMadeOf(_ name: String) throws {
        let path = GoldenTests.folder.appendingPathComponent("valid/" + name + ".taper").path
        let tiny = try #require(GoldenTests.valid.first { $0.name == name }).bundle
        let golden = try Bundle(path: path)
        try Scratch.with { (folder: String) throws in
            try tiny.write(to: folder + "/new.taper")
            let new = try Bundle(path: folder + "/new.taper")
            #expect(golden.sections.map(\.name) == new.sections.map(\.name))
            // Not the stored bytes: another release of zstd may compress better.
            for section in golden.sections where section.name != "checksums" {
                #expect(try golden.section(section.name) == new.section(section.name), "\(section.name)")
            }
        }
    }

    @Test(arguments: files("must-fail"))
    func brokenFilesAreRefused(_ name: String) throws {
        let path = GoldenTests.folder.appendingPathComponent("must-fail/" + name).path
        let failure = try #require(Scratch.failure(path: path), "accepted")
        #expect(failure.code == .badData || failure.code == .unsupported)
        if let known = HostileCase.all.first(where: { $0.name + ".taper" == name }) {
            #expect(failure.code == known.code && failure.message.contains(known.says), "\(failure.message)")
        }
    }

    @Test func bothFoldersHoldFiles() {
        #expect(GoldenTests.files("valid").count >= 3)
        #expect(GoldenTests.files("must-fail").count >= 20)
    }

    /// TAPER_WRITE_GOLDEN=1 writes the files that are missing; what is there is never replaced.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["TAPER_WRITE_GOLDEN"] == "1"))
    func writeMissingFiles() throws {
        func put(_ name: String, _ bytes: [UInt8]) throws {
            let file = GoldenTests.folder.appendingPathComponent(name + ".taper")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            if !FileManager.default.fileExists(atPath: file.path) { try Data(bytes).write(to: file) }
        }
        for (name, bundle) in GoldenTests.valid { try put("valid/" + name, try bundle.bytes()) }
        for hostile in HostileCase.all where hostile.isGolden {
            try put("must-fail/" + hostile.name, try hostile.make())
        }
    }
}
