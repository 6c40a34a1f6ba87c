import Model
import Storage
import Testing

@Suite struct PrecisionScheduleTests {
    @Test func readsSwitchPoints() throws {
        let schedule = try PrecisionSchedule(parsing: "6@0,4@32,3@64", prefillBits: 8, place: "--switch")
        #expect(schedule.prefillBits == 8)
        #expect([0, 31, 32, 63, 64, 100_000].map { schedule.bits(atStep: $0) } == [6, 6, 4, 4, 3, 3])
        #expect(schedule.text == "6@0,4@32,3@64")
    }

    @Test func readsRungs() throws {
        let rung = Precision(hundredths: 450)
        let schedule = try PrecisionSchedule(parsing: "6@0,4.5@16,3.25@48", prefillBits: rung, place: "--switch")
        #expect([15, 16, 48].map { schedule.bits(atStep: $0) } == [6, rung, Precision(hundredths: 325)])
        #expect(schedule.text == "6@0,4.5@16,3.25@48" && schedule.prefillBits == rung)
    }

    @Test func aRungTheBundleLacksIsRefusedWithWhatItHas() throws {
        let served: [Precision] = [3, Precision(hundredths: 350), 4, 6]
        try PrecisionSchedule(parsing: "6@0,3.5@32", prefillBits: 6, place: "--switch").check(
            served: served, place: "m.taper")
        let wrong = try PrecisionSchedule(parsing: "6@0,4.5@32", prefillBits: 6, place: "--switch")
        do throws(TaperError) {
            try wrong.check(served: served, place: "m.taper")
            Issue.record("accepted")
        } catch {
            #expect(error.code == .usage)
            #expect(error.message.contains("no rung of 4.5 bits") && error.message.contains("3, 3.5, 4, 6"))
        }
    }

    @Test func constantPrecisionNeverSwitches() {
        let schedule = PrecisionSchedule.constant(4)
        #expect(schedule.prefillBits == 4)
        #expect((0..<100).allSatisfy { schedule.bits(atStep: $0) == 4 })
        #expect(PrecisionSchedule.constant(3, prefillBits: 6).prefillBits == 6)
    }

    @Test(arguments: [
        "", "6", "6@", "@0", "6@0,", "6@0,,4@3", "6@x", "-6@0", "0@0", "6@-1", "6@0@1", "4@1", "6@0,4@0", "6@4,4@2",
        "4@0,6@32", "4@0,4@32", "4@0,4.5@32", "4.50@0", "4.@0", "4.125@0", "6@0,4@64,3@32", "99999999999999999999@0",
        " 6@0",
    ])
    func refusesWhatIsNoDescendingSchedule(_ text: String) {
        #expect(throws: TaperError(.usage, "")) {
            try PrecisionSchedule(parsing: text, prefillBits: 6, place: "--switch")
        }
    }

    @Test func refusesPrecisionsTheBundleLacks() throws {
        let schedule = try PrecisionSchedule(parsing: "6@0,4@32", prefillBits: 6, place: "--switch")
        try schedule.check(served: [3, 4, 6], place: "m.taper")
        #expect(throws: TaperError(.usage, "")) { try schedule.check(served: [3, 6], place: "m.taper") }
        #expect(throws: TaperError(.usage, "")) {
            try PrecisionSchedule.constant(4, prefillBits: 8).check(served: [3, 4, 6], place: "m.taper")
        }
    }
}
