import Bundle
import Kernels
import Storage
import Testing

/// The writer takes every tensor exactly once and leaves a whole file or none.
@Suite struct BundleWriterTests {
    @Test func theOrderOfTensorsDoesNotShow() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle(precisions: [2, 3, 5], embedding: [3, 6], tied: false)
            try tiny.write(to: folder + "/a.taper")
            try tiny.write(to: folder + "/b.taper", reversed: true)
            #expect(
                try Files.read(folder + "/a.taper", limit: 1 << 20) == Files.read(folder + "/b.taper", limit: 1 << 20))
        }
    }

    @Test func nothingIsLeftWithoutFinish() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle()
            do {
                let writer = try tiny.writer(folder + "/a.taper")
                try TinyBundle.add(tiny.manifest.tensors[0], to: writer)
                #expect(throws: TaperError(.internalFault, "")) { try writer.finish() }
            }
            #expect(try Files.list(folder) == [])
        }
    }

    @Test func sixteenBitsMustArriveOnceAndFinite() throws {
        try Scratch.with { (folder: String) throws in
            let fault = TaperError(.internalFault, "")
            let tiny = TinyBundle(precisions: [2, 16])
            let writer = try tiny.writer(folder + "/a.taper")
            let plans = tiny.manifest.tensors
            let query = try #require(plans.first { $0.name.contains("q_proj") })
            for plan in plans where plan != query { try TinyBundle.add(plan, to: writer) }
            try writer.add(TinyBundle.nested(query, [2]))
            #expect(throws: fault) { try writer.finish() }
            var broken = TinyBundle.half(query)
            broken.name = "nobody"
            #expect(throws: fault) { try writer.add(broken) }
            try writer.add(TinyBundle.half(query))
            #expect(throws: fault) { try writer.add(TinyBundle.half(query)) }
            try writer.finish()
            #expect(try Bundle(path: folder + "/a.taper").verify().isSound)

            let second = try tiny.writer(folder + "/b.taper")
            broken = TinyBundle.half(query)
            broken.values[3] = 0x7c00
            #expect(throws: TaperError(.badData, "")) { try second.add(broken) }
            let without = try TinyBundle(precisions: [2]).writer(folder + "/c.taper")
            #expect(throws: fault) { try without.add(TinyBundle.half(query)) }
        }
    }

    @Test func anExistingFileStaysUnlessReplaced() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            try AtomicFile.write([1, 2, 3], to: path, replacing: false)
            #expect(throws: TaperError(.cannotCreate, "")) { try TinyBundle().write(to: path) }
            #expect(try Files.read(path, limit: 100) == [1, 2, 3])
            try TinyBundle().write(to: path, replacing: true)
            #expect(try Bundle(path: path).verify().isSound)
        }
    }

    @Test func tensorsMustFitTheirPlan() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle()
            let writer = try tiny.writer(folder + "/a.taper")
            let plan = try #require(tiny.manifest.tensors.first { $0.name.contains("q_proj") })
            let fault = TaperError(.internalFault, "")
            var unknown = TinyBundle.nested(plan, [2, 3])
            unknown.name = "nobody"
            #expect(throws: fault) { try writer.add(unknown) }
            var turned = TinyBundle.nested(plan, [2, 3])
            turned.columns += 1
            #expect(throws: fault) { try writer.add(turned) }
            try writer.add(TinyBundle.nested(plan, [2, 3]))
            #expect(throws: fault) { try writer.add(TinyBundle.nested(plan, [2, 3])) }
        }
    }

    @Test func otherPrecisionsThanPlannedAreRefused() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle()
            let plan = try #require(tiny.manifest.tensors.first { $0.name.contains("q_proj") })
            for precisions in [[2], [3], [2, 3, 4]] {
                let writer = try tiny.writer(folder + "/a.taper")
                #expect(throws: TaperError(.internalFault, "")) { try writer.add(TinyBundle.nested(plan, precisions)) }
            }
        }
    }

    @Test func scalesMustBeFinite() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle()
            let plan = try #require(tiny.manifest.tensors.first { $0.name.contains("q_proj") })
            var matrix = TinyBundle.nested(plan, [2, 3])
            matrix.tables[1].scales[2] = .nan
            let writer = try tiny.writer(folder + "/a.taper")
            #expect(throws: TaperError(.badData, "")) { try writer.add(matrix) }
        }
    }

    @Test(arguments: [
        "manifest", "checksums", "tokenizer", "vectors", "bytes", "linear.planes.2", "any.tables.8", "", "a b", "../x",
        "chat", "01234567890123456789012345678901234567890",
    ])
    func documentsNeedNamesOfTheirOwn(_ name: String) throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle()
            tiny.documents.append((name, .null))
            #expect(throws: TaperError(.internalFault, "")) { try tiny.write(to: folder + "/a.taper") }
            #expect(try Files.list(folder) == [])
        }
    }
}
