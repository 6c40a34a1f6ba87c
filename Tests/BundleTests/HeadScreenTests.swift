import Bundle
import Kernels
import Model
import Storage
import Testing

/// Screens of a head in a bundle: written last, read in place, copied and replaced.
@Suite struct HeadScreenTests {
    @Test func whatIsWrittenIsRead() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle.withScreens.write(to: folder + "/b.taper")
            let bundle = try Bundle(path: folder + "/b.taper")
            #expect(bundle.verify().problems == [])
            #expect(bundle.sections.suffix(3).map(\.name) == ["head.screen.2", "head.screen.3", "checksums"])
            let screens = try bundle.headScreens()
            #expect(screens.map(\.leadBits) == [2, 3])
            for screen in screens {
                let draft = try TinyBundle.screen(of: bundle, leadBits: screen.leadBits)
                #expect(try bundle.section(SectionName.headScreen(leadBits: screen.leadBits)) == draft.bytes)
                #expect(screen.margin == 1 && screen.evidence.tokens == 100 && screen.evidence.tileRowsForOne == 1.5)
                for row in 0..<90 {
                    #expect(screen.deviations[row] == draft.deviations[row])
                    #expect(screen.projections[row] == draft.projections[row])
                }
                #expect(screen.lead.precisions == [screen.leadBits])
            }
        }
    }

    /// What a reader that knows nothing of screens sees is the bundle without them.
    @Test func theyChangeNothingElse() throws {
        try Scratch.with { (folder: String) throws in
            var plain = TinyBundle.withScreens
            plain.screens = []
            try plain.write(to: folder + "/plain.taper")
            try TinyBundle.withScreens.write(to: folder + "/screened.taper")
            try rewriteBundle(
                from: folder + "/screened.taper", to: folder + "/again.taper", documents: [], headScreens: [],
                replacing: false)
            #expect(
                try Files.read(folder + "/again.taper", limit: 1 << 20)
                    == Files.read(folder + "/plain.taper", limit: 1 << 20))
        }
    }

    @Test func aDraftWithScreensIsTheBundleThatGotThemLater() throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle.withScreens
            tiny.documents = [("a", .string("late"))]
            try tiny.write(to: folder + "/later.taper")
            var plain = tiny
            (plain.documents, plain.screens) = ([], [])
            let writer = try plain.writer(folder + "/draft.taper")
            for plan in plain.manifest.tensors { try TinyBundle.add(plan, to: writer) }
            let draft = try writer.draft()
            let contents = try [2, 3].map { bits throws(TaperError) in
                try TinyBundle.screen(of: try Bundle(path: draft.path), leadBits: bits).bytes
            }
            try draft.publish(adding: tiny.documents, headScreens: contents)
            #expect(
                try Files.read(folder + "/draft.taper", limit: 1 << 20)
                    == Files.read(folder + "/later.taper", limit: 1 << 20))
        }
    }

    @Test func aCutKeepsThem() throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle.withScreens
            tiny.precisions = [2, 3]
            try tiny.write(to: folder + "/b.taper")
            try cutBundle(from: folder + "/b.taper", to: folder + "/cut.taper", maxBits: 2, replacing: false)
            let cut = try Bundle(path: folder + "/cut.taper")
            #expect(cut.verify().problems == [])
            #expect(try cut.headScreens().map(\.leadBits) == [2, 3])
        }
    }

    /// Rewriting documents leaves them where they are.
    @Test func otherChangesKeepThem() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle.withScreens.write(to: folder + "/b.taper")
            let path = folder + "/b.taper"
            try rewriteBundle(from: path, to: path, documents: [("a", .integer(1))], replacing: true)
            let bundle = try Bundle(path: path)
            #expect(try bundle.headScreens().count == 2)
            #expect(try bundle.json("a")?.integer == 1)
        }
    }

    @Test func adoptedScreensStandForThoseOfTheFile() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle.withScreens.write(to: folder + "/b.taper")
            let bundle = try Bundle(path: folder + "/b.taper")
            let bytes = try TinyBundle.screen(of: bundle, leadBits: 3).bytes
            try bundle.adopt(headScreens: [bytes])
            #expect(try bundle.headScreens().map(\.leadBits) == [3])
            try bundle.adopt(headScreens: [])
            #expect(try bundle.headScreens().isEmpty)
            #expect(throws: TaperError(.badData, "")) { try bundle.adopt(headScreens: [Array(bytes.dropLast())]) }
        }
    }

    /// Nothing but speed depends on it.
    @Test func anotherVersionIsPassedOver() throws {
        var forge = Forge(try TinyBundle.withScreens.bytes())
        forge.sections[forge.index("head.screen.2")].stored[0] = 2
        try Scratch.with { (folder: String) throws in
            try AtomicFile.write(forge.bytes(), to: folder + "/b.taper", replacing: false)
            let bundle = try Bundle(path: folder + "/b.taper")
            #expect(try bundle.headScreens().map(\.leadBits) == [3])
            #expect(bundle.verify().problems == [])
        }
    }

    /// A decode step is said to read what it reads on average.
    @Test func bytesPerTokenCountTheScreen() throws {
        try Scratch.with { (folder: String) throws in
            var tiny = TinyBundle.withScreens
            tiny.screens = [2]
            tiny.change = { $0.vocabularySize = 2000 }
            try tiny.write(to: folder + "/b.taper")
            let bundle = try Bundle(path: folder + "/b.taper")
            let head = try bundle.weights(bundle.manifest.model.headName)
            let screen = try #require(try bundle.headScreens().first)
            let whole = head.bytesRead(bits: 3)
            let expected = screen.expectedBytes(of: head, bits: 3, leading: 1)
            #expect(expected < whole)
            #expect(screen.bytesRead + Int(1.5 / 250 * Double(whole)) == expected)
            #expect(try bundle.bytesPerToken(bits: 3) == bundle.manifest.bytesPerToken(bits: 3) - whole + expected)
        }
    }
}
