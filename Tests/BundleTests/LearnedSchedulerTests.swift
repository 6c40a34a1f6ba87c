import Bundle
import Storage
import Testing

@Suite struct LearnedSchedulerTests {
    @Test func comesBackAsItWasWritten() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            try TinyBundle.withLearned.write(to: path)
            let written = TinyBundle.learned
            let read = try #require(try Bundle(path: path).learnedScheduler())
            #expect(read.json.text() == written.json.text())
            #expect(read.pairs.map(\.weights) == written.pairs.map(\.weights))
            #expect(read.shape == written.shape && read.weightBytes == written.weightBytes)
            // It is replaced whole, and other documents stay.
            var other = written
            other.pairs.removeLast()
            other.pairs[0].weights[0] = 9
            try rewriteBundle(from: path, to: path, documents: [("quality", .null)], learned: other, replacing: true)
            let again = try #require(try Bundle(path: path).learnedScheduler())
            #expect(again.pairs.map(\.weights) == other.pairs.map(\.weights))
            #expect(try Bundle(path: path).verify().isSound)
        }
    }

    @Test func weightsStandWhereTheSpecificationSays() {
        let shape = ClassifierShape(kvHeads: 3, headSize: 64, queries: 3, hidden: 64)
        #expect(shape.width == 192 && shape.normWeight == 576 && shape.normBias == 768)
        #expect(shape.hiddenWeight == 960 && shape.hiddenBias == 13248 && shape.outputWeight == 13312)
        #expect(shape.outputBias == 13568 && shape.weightCount == 13572)
    }

    @Test func bundlesWithoutOneHaveNone() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle().write(to: folder + "/a.taper")
            #expect(try Bundle(path: folder + "/a.taper").learnedScheduler() == nil)
        }
    }

    @Test func oneThatDoesNotFitTheBundleIsNotWritten() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle(precisions: [2, 3]).write(to: folder + "/a.taper")
            #expect(throws: TaperError(.badData, "")) {
                try rewriteBundle(
                    from: folder + "/a.taper", to: folder + "/a.taper", documents: [], learned: TinyBundle.learned,
                    replacing: true)
            }
            // Nor under its name as a document.
            #expect(throws: TaperError(.internalFault, "")) {
                try rewriteBundle(
                    from: folder + "/a.taper", to: folder + "/a.taper",
                    documents: [("learned", .object([]))], replacing: true)
            }
            #expect(try Bundle(path: folder + "/a.taper").learnedScheduler() == nil)
        }
    }

    @Test func cuttingDropsItWithAPrecisionItNeeds() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            var tiny = TinyBundle.withLearned
            tiny.precisions = [2, 3, 4, 6]
            try tiny.write(to: path)
            try cutBundle(from: path, to: folder + "/4.taper", maxBits: 4, replacing: false)
            let four = try Bundle(path: folder + "/4.taper")
            #expect(try four.learnedScheduler()?.pairs.count == 2)
            try cutBundle(from: path, to: folder + "/3.taper", maxBits: 3, replacing: false)
            let three = try Bundle(path: folder + "/3.taper")
            #expect(try three.learnedScheduler() == nil)
            #expect(!three.sections.contains { $0.name.hasPrefix("learned") })
            #expect(three.verify().isSound)
        }
    }
}
