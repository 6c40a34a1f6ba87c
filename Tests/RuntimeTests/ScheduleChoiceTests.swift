import Bundle
import Chat
import Model
import Runtime
import Storage
import Testing

/// The one rule that says which schedule of a bundle applies.
@Suite struct ScheduleChoiceTests {
    private let chat = TalkingBundle.schedule("chat", [(0, 4), (3, 3)], prefill: 6)
    private let summary = TalkingBundle.schedule("summary", [(0, 6), (2, 2)], prefill: 4)
    private let general = TalkingBundle.schedule("default", [(0, 6), (5, 4)], prefill: 6)

    private func choose(
        _ request: ScheduleRequest, _ schedules: [CalibratedSchedule], prefill: Precision? = nil, learned: Bool = false
    ) throws -> ScheduleChoice {
        let tiny = try TalkingBundle.make(schedules: schedules)
        if learned {
            try rewriteBundle(
                from: tiny.path, to: tiny.path, documents: [],
                learned: StubbornScheduler.make(TalkingBundle.config, [(6, 4, 1), (4, 2, 2)], limit: 12),
                replacing: true)
        }
        return try ScheduleChoice(request, of: try Bundle(path: tiny.path), prefill: prefill, place: "--schedule")
    }

    private func refusal(_ request: ScheduleRequest, _ schedules: [CalibratedSchedule]) -> String {
        do {
            let choice = try choose(request, schedules)
            return "no refusal but \(choice.name)"
        } catch {
            guard let error = error as? TaperError else { return "\(error)" }
            return error.code == .usage ? error.message : "not usage: " + error.message
        }
    }

    @Test func aTasksScheduleIsNotAppliedToOtherPrompts() throws {
        for schedules in [[], [summary], [chat, summary]] {
            let choice = try choose(.unnamed, schedules)
            #expect(choice.name == "fixed" && choice.scheduler.text == "6@0")
            #expect(choice.calibratedTokens == nil && choice.warning(newTokens: 1000) == nil)
        }
        #expect(try choose(.unnamed, []).reason == "none named")
        #expect(try choose(.unnamed, [summary]).reason == "none named; for its task there is static:summary")
        #expect(
            try choose(.unnamed, [chat, summary]).reason
                == "none named; for its task there is static:chat, static:summary")
        // A scheduler that was learned is no choice of its own accord either.
        #expect(try choose(.unnamed, [], learned: true).name == "fixed")
    }

    @Test func whatWasCalibratedAsDefaultAppliesToAllPrompts() throws {
        for schedules in [[general], [summary, general], [general, chat, summary]] {
            let choice = try choose(.unnamed, schedules)
            #expect(choice.name == "static:default" && choice.scheduler.text == "6@0,4@5")
            #expect(choice.reason == "none named: the default")
            #expect(choice.calibratedTokens == 64)
        }
        #expect(try choose(.calibrated(task: nil), [chat, general]).name == "static:default")
        #expect(try choose(.highest, [general]).scheduler.text == "6@0")
    }

    @Test func whatIsNamedApplies() throws {
        let named = try choose(.calibrated(task: "summary"), [chat, summary, general])
        #expect(named.name == "static:summary" && named.scheduler.text == "6@0,2@2" && named.reason == "named")
        #expect(named.scheduler.prefillBits == 4)
        #expect(try choose(.calibrated(task: "summary"), [summary], prefill: 3).scheduler.prefillBits == 3)
        let only = try choose(.calibrated(task: nil), [summary])
        #expect(only.name == "static:summary" && only.reason == "the bundle's only one")
        #expect(refusal(.calibrated(task: nil), [chat, summary]).contains("Name one: chat, summary"))
        #expect(refusal(.calibrated(task: nil), []).contains("no calibrated schedule"))
        #expect(refusal(.calibrated(task: "poetry"), [chat, summary]).contains("one of chat, summary"))
        #expect(refusal(.calibrated(task: "poetry"), []).contains("calibration first"))
    }

    @Test func precisionsAndSwitchPointsAreObeyed() throws {
        let constant = try choose(.constant(3), [general])
        #expect(constant.name == "fixed" && constant.scheduler.text == "3@0" && constant.scheduler.prefillBits == 3)
        #expect(try choose(.constant(3), [], prefill: 6).scheduler.prefillBits == 6)
        let points = try choose(.switchPoints("4@0,2@7"), [general])
        #expect(points.name == "switch" && points.scheduler.text == "4@0,2@7" && points.scheduler.prefillBits == 6)
        #expect(points.warning(newTokens: 1000) == nil)
        #expect(refusal(.constant(5), []).contains("no 5-bit weights"))
        #expect(refusal(.switchPoints("2@0,4@7"), []).contains("only step down"))
        #expect(refusal(.learned, [chat]).contains("no learned scheduler"))
        #expect(try choose(.learned, [chat], learned: true).calibratedTokens == 12)
    }

    @Test func answersLongerThanTheCalibrationsAreWarnedOf() throws {
        let choice = try choose(.calibrated(task: "summary"), [summary])
        #expect(choice.warning(newTokens: 64) == nil)
        let warning = try #require(choice.warning(newTokens: 65))
        #expect(warning.contains("static:summary") && warning.contains("at most 64 tokens"))
        #expect(try #require(choose(.learned, [], learned: true).warning(newTokens: 13)).contains("at most 12"))
        // The last precision is held: it never rises, and nothing below it was measured.
        guard case .fixed(let schedule) = choice.scheduler else {
            Issue.record("not known before")
            return
        }
        #expect(schedule.bits(atStep: 63) == 2 && schedule.bits(atStep: 5000) == 2)
    }

    @Test(arguments: [
        ("static", ScheduleRequest.calibrated(task: nil)), ("static:a:b@c", .calibrated(task: "a:b@c")),
        ("learned", .learned), ("fixed", .highest),
    ])
    func requestsAreRead(_ text: String, _ request: ScheduleRequest) throws {
        #expect(try ScheduleRequest(parsing: text, place: "--schedule") == request)
    }

    @Test func aTaskWithoutItsPrefixIsUnderstoodButNotGuessed() {
        do throws(TaperError) {
            _ = try ScheduleRequest(parsing: "mail", place: "--schedule")
            Issue.record("accepted")
        } catch { #expect(error.message.contains("write static:mail"), "\(error.message)") }
    }

    @Test(arguments: ["", "static:", "staticx", "staticx:chat", "Static", "6@0,4@3"])
    func otherRequestsAreRefused(_ text: String) throws {
        #expect(throws: TaperError.self) { try ScheduleRequest(parsing: text, place: "--schedule") }
    }
}
