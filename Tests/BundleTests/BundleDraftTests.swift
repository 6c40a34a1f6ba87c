import Bundle
import Model
import Storage
import Testing

/// A draft that gets documents late is, byte for byte, the bundle that had them from the start.
@Suite struct BundleDraftTests {
    private func draft(_ tiny: TinyBundle, _ path: String) throws -> BundleDraft {
        let writer = try tiny.writer(path)
        for plan in tiny.manifest.tensors { try TinyBundle.add(plan, to: writer) }
        return try writer.draft()
    }

    @Test func documentsThatComeLateStandWhereTheyAlwaysDid() throws {
        try Scratch.with { (folder: String) throws in
            let tiny = TinyBundle(precisions: [2, 3, 4])
            // One smaller and one larger than a page, and one that takes several blocks of checksums.
            var noise = TinyBundle.Noise("late documents")
            func document(_ count: Int) -> JSONValue {
                .string(String(decoding: noise.bytes(count, below: 64).map { $0 + 48 }, as: UTF8.self))
            }
            let late = [(section: "a", value: document(10)), ("b", document(9000)), ("c", document(2_000_000))]
            for count in 0...late.count {
                let documents = Array(late.prefix(count))
                var whole = tiny
                whole.documents += documents
                try whole.write(to: folder + "/whole.taper", replacing: true)
                let draft = try draft(tiny, folder + "/late\(count).taper")
                #expect(try Bundle(path: draft.path).verify().isSound)
                #expect(!Files.exists(folder + "/late\(count).taper"))
                try draft.publish(adding: documents)
                #expect(try Bundle(path: folder + "/late\(count).taper").verify().problems == [])
                #expect(
                    try Files.read(folder + "/late\(count).taper", limit: 1 << 24)
                        == Files.read(folder + "/whole.taper", limit: 1 << 24))
            }
        }
    }

    @Test func rungsAreServedBeforeTheyAreWritten() throws {
        try Scratch.with { (folder: String) throws in
            let draft = try draft(TinyBundle(precisions: [2, 3, 4]), folder + "/b.taper")
            let json = JSONValue.array(TinyBundle.rungs.map(\.json))
            let bundle = try Bundle(path: draft.path)
            try bundle.adopt(rungs: json, place: "rungs")
            #expect(try bundle.servedPrecisions().count == 5)
            #expect(throws: TaperError(.badData, "")) { try bundle.adopt(rungs: .string("x"), place: "rungs") }
        }
    }

    @Test func aDraftThatIsDroppedLeavesNothing() throws {
        try Scratch.with { (folder: String) throws in
            do { _ = try draft(TinyBundle(), folder + "/b.taper") }
            #expect(try Files.list(folder).isEmpty)
        }
    }

    @Test func aSectionCannotComeTwice() throws {
        try Scratch.with { (folder: String) throws in
            let draft = try draft(TinyBundle(), folder + "/b.taper")
            #expect(throws: TaperError(.internalFault, "")) { try draft.publish(adding: [("chat", .null)]) }
            #expect(!Files.exists(folder + "/b.taper"))
        }
    }
}
