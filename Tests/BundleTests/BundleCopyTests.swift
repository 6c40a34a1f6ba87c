import Bundle
import Kernels
import Model
import Storage
import Testing

/// Cutting drops sections and rewriting replaces documents; nothing else changes.
@Suite struct BundleCopyTests {
    @Test func aCutBundleIsTheBundleMadeAtFewerBits() throws {
        try Scratch.with { (folder: String) throws in
            let whole = TinyBundle(precisions: [2, 3, 4, 6, 16], embedding: [6])
            try whole.write(to: folder + "/whole.taper")
            for bits in 2...16 {
                try cutBundle(
                    from: folder + "/whole.taper", to: folder + "/cut.taper", maxBits: bits, replacing: true)
                let cut = try Bundle(path: folder + "/cut.taper")
                #expect(cut.manifest.precisions == [2, 3, 4, 6, 16].filter { $0 <= bits })
                #expect(cut.verify().problems == [])
                #expect(try cut.weights("model.embed_tokens.weight").precisions == [6])
                // A cut bundle without 16 bits is one that was never made with them, also for older readers.
                if bits < 16 {
                    let low = TinyBundle(precisions: cut.manifest.precisions, embedding: [6])
                    try low.write(to: folder + "/low.taper", replacing: true)
                    let fresh = try Bundle(path: folder + "/low.taper")
                    #expect(fresh.sections.map(\.name) == cut.sections.map(\.name))
                    #expect(Forge(try Files.read(folder + "/cut.taper", limit: 1 << 20)).required == 0)
                }
                let source = try Bundle(path: folder + "/whole.taper")
                for section in cut.sections where section.name != "manifest" && section.name != "checksums" {
                    #expect(try cut.section(section.name) == source.section(section.name))
                }
            }
            let last = try Bundle(path: folder + "/cut.taper")
            #expect(FileStatus(path: folder + "/whole.taper")?.byteCount == last.byteCount)
        }
    }

    @Test func aCutBundleKeepsOnlySchedulesItCanServe() throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle(precisions: [2, 3, 4])
            let low = TinyBundle.schedule([(0, 3), (8, 2)], task: "low")
            let high = TinyBundle.schedule([(0, 4), (8, 2)], task: "high")
            tiny.documents.append(("schedules", .array([low.json, high.json])))
            let path = folder + "/whole.taper"
            try tiny.write(to: path)
            #expect(try cutBundle(from: path, to: folder + "/3.taper", maxBits: 3, replacing: false) == ["high"])
            #expect(try Bundle(path: folder + "/3.taper").schedules().map(\.task) == ["low"])
            #expect(
                try cutBundle(from: path, to: folder + "/2.taper", maxBits: 2, replacing: false) == ["low", "high"])
            let two = try Bundle(path: folder + "/2.taper")
            #expect(try two.schedules().isEmpty && !two.sections.contains { $0.name == "schedules" })
            #expect(try cutBundle(from: path, to: folder + "/4.taper", maxBits: 4, replacing: false) == [])
        }
    }

    @Test func cuttingBelowTheLowestPrecisionIsRefused() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle(precisions: [3, 4]).write(to: folder + "/whole.taper")
            #expect(throws: TaperError(.usage, "")) {
                try cutBundle(from: folder + "/whole.taper", to: folder + "/2.taper", maxBits: 2, replacing: false)
            }
            #expect(try Files.list(folder) == ["whole.taper"])
        }
    }

    @Test func documentsAreReplacedAddedAndRemovedInPlace() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            try TinyBundle().write(to: path)
            let before = try Bundle(path: path)
            try rewriteBundle(
                from: path, to: path,
                documents: [
                    ("chat", .object([.init("template", .string("chatml"))])), ("quality", .array([.integer(1)])),
                ],
                replacing: true)
            let after = try Bundle(path: path)
            #expect(try after.json("chat")?.text() == "{\"template\":\"chatml\"}")
            #expect(try after.json("quality")?.text() == "[1]")
            #expect(after.verify().problems == [])
            for section in before.sections where section.name != "chat" && section.name != "checksums" {
                #expect(try after.section(section.name) == before.section(section.name))
            }
            try rewriteBundle(from: path, to: path, documents: [("quality", .null)], replacing: true)
            #expect(try Bundle(path: path).json("quality") == nil)
            #expect(try Files.list(folder) == ["a.taper"])
        }
    }

    @Test func rewritingNothingGivesTheSameBytes() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle().write(to: folder + "/a.taper")
            try rewriteBundle(from: folder + "/a.taper", to: folder + "/b.taper", documents: [], replacing: false)
            #expect(
                try Files.read(folder + "/a.taper", limit: 1 << 20) == Files.read(folder + "/b.taper", limit: 1 << 20))
        }
    }

    @Test func damageDoesNotTravelIntoACopy() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle(precisions: [2, 3])
            try tiny.write(to: folder + "/a.taper")
            let sections = try Bundle(path: folder + "/a.taper").sections
            let section = try #require(sections.first { $0.name == "linear.planes.2" })
            var bytes = try Files.read(folder + "/a.taper", limit: 1 << 20)
            bytes[section.offset + 70] ^= 2
            try AtomicFile.write(bytes, to: folder + "/a.taper", replacing: true)
            #expect(throws: TaperError(.badData, "")) {
                try rewriteBundle(from: folder + "/a.taper", to: folder + "/b.taper", documents: [], replacing: false)
            }
            #expect(throws: TaperError(.badData, "")) {
                try cutBundle(from: folder + "/a.taper", to: folder + "/b.taper", maxBits: 2, replacing: false)
            }
            #expect(try Files.list(folder) == ["a.taper"])
        }
    }

    @Test(arguments: ["manifest", "tokenizer", "linear.planes.2", "checksums"])
    func sectionsOfTheFormatAreNoDocuments(_ name: String) throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle().write(to: folder + "/a.taper")
            #expect(throws: TaperError(.internalFault, "")) {
                try rewriteBundle(
                    from: folder + "/a.taper", to: folder + "/b.taper", documents: [(name, .null)], replacing: false)
            }
        }
    }
}
