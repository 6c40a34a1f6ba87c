import Bundle
import Model
import Storage
import Testing

@Suite struct RungTests {
    private let rungs = TinyBundle.rungs

    private func tiny(_ schedules: [CalibratedSchedule] = []) -> TinyBundle {
        var tiny = TinyBundle(precisions: [2, 3, 4])
        tiny.documents.append((SectionName.rungs, .array(rungs.map(\.json))))
        if !schedules.isEmpty { tiny.documents.append(("schedules", .array(schedules.map(\.json)))) }
        return tiny
    }

    @Test func rungsAreReadAsWritten() throws {
        try Scratch.with { (folder: String) throws in
            try tiny([TinyBundle.schedule([(0, 4), (8, Precision(hundredths: 240))])]).write(to: folder + "/a.taper")
            let bundle = try Bundle(path: folder + "/a.taper")
            #expect(bundle.verify().problems == [])
            let read = try bundle.rungs()
            #expect(read.map(\.precision.text) == ["2.4", "3.6"] && read.map(\.bits) == rungs.map(\.bits))
            #expect(read[1].evidence["method"]?.string == "by hand")
            #expect(try bundle.servedPrecisions().map(\.text) == ["2", "2.4", "3", "3.6", "4"])
            #expect(try bundle.schedules()[0].schedule.steps.map(\.bits.text) == ["4", "2.4"])
            bundle.willNeed(bits: rungs[0].precision)
            bundle.releaseUnread(bits: rungs[0].precision)
            // 3.6 reads the planes of 4 bits in some tensors, 2.4 in none.
            let high = try #require(bundle.sections.first { $0.name == "linear.planes.4" })
            let table = try #require(bundle.sections.first { $0.name == "linear.tables.4" })
            #expect(bundle.releasePlanes(above: rungs[1].precision, upTo: 4) == 0)
            #expect(
                bundle.releasePlanes(above: rungs[0].precision, upTo: rungs[1].precision)
                    == high.storedByteCount + table.storedByteCount)
        }
    }

    @Test func aBundleWithoutTheSectionHasNone() throws {
        try Scratch.with { (folder: String) throws in
            try TinyBundle(precisions: [2, 3]).write(to: folder + "/a.taper")
            let bundle = try Bundle(path: folder + "/a.taper")
            #expect(try bundle.rungs().isEmpty)
            #expect(try bundle.servedPrecisions() == [2, 3])
        }
    }

    @Test func cuttingDropsRungsThatNeedDroppedPrecisionsAndTheirSchedules() throws {
        try Scratch.with { (folder: String) throws in
            let low = TinyBundle.schedule([(0, 3), (8, Precision(hundredths: 240))], task: "low")
            let high = TinyBundle.schedule([(0, Precision(hundredths: 360)), (8, 2)], task: "high")
            let path = folder + "/whole.taper"
            try tiny([low, high]).write(to: path)
            #expect(try cutBundle(from: path, to: folder + "/3.taper", maxBits: 3, replacing: false) == ["high"])
            let three = try Bundle(path: folder + "/3.taper")
            #expect(try three.rungs().map(\.precision.text) == ["2.4"])
            #expect(try three.schedules().map(\.task) == ["low"])
            #expect(three.verify().problems == [])
            try cutBundle(from: path, to: folder + "/2.taper", maxBits: 2, replacing: false)
            let two = try Bundle(path: folder + "/2.taper")
            #expect(!two.sections.contains { $0.name == SectionName.rungs || $0.name == "schedules" })
            try cutBundle(from: path, to: folder + "/4.taper", maxBits: 4, replacing: false)
            let same = try Bundle(path: folder + "/4.taper")
            #expect(try same.section(SectionName.rungs) == Bundle(path: path).section(SectionName.rungs))
        }
    }
}
