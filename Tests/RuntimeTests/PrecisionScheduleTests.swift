import Runtime
import Storage
import Testing

@Suite struct PrecisionScheduleTests {
    @Test func readsSwitchPoints() throws {
        let schedule = try PrecisionSchedule(parsing: "6@0,4@32,3@64", prefillBits: 8, place: "--switch")
        #expect(schedule.prefillBits == 8)
        #expect([0, 31, 32, 63, 64, 100_000].map { schedule.bits(atStep: $0) } == [6, 6, 4, 4, 3, 3])
        #expect(schedule.text == "6@0,4@32,3@64")
    }

    @Test func constantPrecisionNeverSwitches() {
        let schedule = PrecisionSchedule.constant(4)
        #expect(schedule.prefillBits == 4)
        #expect((0..<100).allSatisfy { schedule.bits(atStep: $0) == 4 })
        #expect(PrecisionSchedule.constant(3, prefillBits: 6).prefillBits == 6)
    }

    @Test(arguments: [
        "", "6", "6@", "@0", "6@0,", "6@0,,4@3", "6@x", "-6@0", "0@0", "6@-1", "6@0@1", "4@1", "6@0,4@0", "6@4,4@2",
        "4@0,6@32", "4@0,4@32", "6@0,4@64,3@32", "99999999999999999999@0", " 6@0",
    ])
    func refusesWhatIsNoDescendingSchedule(_ text: String) {
        #expect(throws: TaperError(.usage, "")) {
            try PrecisionSchedule(parsing: text, prefillBits: 6, place: "--switch")
        }
    }

    @Test func refusesPrecisionsTheBundleLacks() throws {
        let schedule = try PrecisionSchedule(parsing: "6@0,4@32", prefillBits: 6, place: "--switch")
        try schedule.check(precisions: [3, 4, 6], place: "m.taper")
        #expect(throws: TaperError(.usage, "")) { try schedule.check(precisions: [3, 6], place: "m.taper") }
        #expect(throws: TaperError(.usage, "")) {
            try PrecisionSchedule.constant(4, prefillBits: 8).check(precisions: [3, 4, 6], place: "m.taper")
        }
    }
}
