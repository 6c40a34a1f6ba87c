import Bundle
import Kernels
import Model
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
        let half = TinyBundle(precisions: [2, 4, 16], tokenizer: nil, documents: [])
        var rungs = TinyBundle(precisions: [2, 3, 4], tokenizer: nil, documents: [])
        rungs.documents = [
            ("rungs", .array(TinyBundle.rungs.map(\.json))),
            ("schedules", .array([TinyBundle.schedule([(0, 4), (16, TinyBundle.rungs[0].precision)]).json])),
        ]
        var chat = TinyBundle(precisions: [2], tokenizer: nil, documents: [])
        chat.documents = ["chat-own", "templates-two"].compactMap { name in
            let path = folder.appendingPathComponent("chat/valid/" + name + ".json").path
            guard let bytes = try? Files.read(path, limit: 1 << 20), let json = try? JSONValue.parse(bytes, place: path)
            else { return nil }
            return (section: name.hasPrefix("chat") ? "chat" : "templates", value: json)
        }
        return [
            ("model-second", HostileCase.second), ("chat", chat), ("rungs", rungs), ("half", half),
            ("adaptive", TinyBundle.withAdaptive), ("learned", TinyBundle.withLearned),
            ("head-screen", TinyBundle.withScreens),
            ("minimal", HostileCase.base),
            ("whole", whole),
            ("nested-embedding", nested),
        ]
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

    /// Read and written again, the manifest of every older bundle has the bytes it had.
    @Test(arguments: files("families").map { "families/" + $0 } + files("written").map { "written/" + $0 })
    func manifestsKeepTheirBytes(_ name: String) throws {
        let bundle = try Bundle(path: GoldenTests.folder.appendingPathComponent(name).path)
        let bytes = try #require(try bundle.section("manifest"))
        #expect(bundle.manifest.json.bytes() == bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains(Manifest.secondSchema) == bundle.manifest.model.exceedsFirstVersion)
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

    /// The weight that `formats/bundle.md` works out by hand.
    @Test func theWorkedExampleHolds() throws {
        let bundle = try Bundle(path: GoldenTests.folder.appendingPathComponent("valid/minimal.taper").path)
        let weights = try bundle.weights(TensorName.weight(.query, layer: 0))
        var row = [Float](repeating: 0, count: weights.columns)
        weights.dequantizeRow(0, bits: 2, into: &row, pool: try ThreadPool(threadCount: 1))
        #expect(row[0] == 43.125)
    }

    @Test func theHexDumpOfTheSpecificationIsTheFile() throws {
        let formats = GoldenTests.folder.deletingLastPathComponent().path
        let bytes = try Files.read(formats + "/golden/valid/minimal.taper", limit: 1 << 20)
        let text = String(decoding: try Files.read(formats + "/bundle.md", limit: 1 << 20), as: UTF8.self)
        var lineCount = 0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let first = words.first, first.utf8.count == 8, let start = Int(first, radix: 16) else { continue }
            let found = words.dropFirst().prefix(16).prefix { $0.utf8.count == 2 }.compactMap { UInt8($0, radix: 16) }
            #expect(found == Array(bytes[start..<start + found.count]), "\(line)")
            lineCount += 1
        }
        #expect(lineCount > 20)
    }

    @Test func bothFoldersHoldFiles() {
        #expect(GoldenTests.files("valid").count >= 6)
        #expect(GoldenTests.files("must-fail").count >= 140)
    }

    /// Every file the generator knows is there; TAPER_WRITE_GOLDEN=1 writes what is missing and replaces nothing.
    @Test func noFileIsMissing() throws {
        let isWriting = ProcessInfo.processInfo.environment["TAPER_WRITE_GOLDEN"] == "1"
        func check(_ name: String, _ bytes: () throws -> [UInt8]) throws {
            let file = GoldenTests.folder.appendingPathComponent(name + ".taper")
            if isWriting && !FileManager.default.fileExists(atPath: file.path) {
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(try bytes()).write(to: file)
            }
            #expect(FileManager.default.fileExists(atPath: file.path), "\(name): run with TAPER_WRITE_GOLDEN=1")
        }
        for (name, bundle) in GoldenTests.valid { try check("valid/" + name) { try bundle.bytes() } }
        for hostile in HostileCase.all where hostile.isGolden {
            try check("must-fail/" + hostile.name) { try hostile.make() }
        }
    }
}
