import Bundle
import Model
import Storage
import Testing

extension TinyBundle {
    static let adaptive = AdaptiveSchedule(
        rule: AdaptiveRule(
            low: 2, high: 3, prefill: 4, rescue: 4, margin: 1.4, tolerance: 0.25, openingSteps: 3, holdSteps: 2,
            reread: 4),
        score: 0.0125, referenceScore: 0.01, tolerance: 0.005, averageBits: 2.375, maxNewTokens: 48,
        evidence: ScheduleEvidence(.object([.init("examples", .integer(12))])))
    static var withAdaptive: TinyBundle {
        TinyBundle(precisions: [2, 3, 4], tokenizer: nil, documents: [("adaptive", adaptive.json)])
    }
}

extension HostileCase {
    private static func facts(
        _ name: String, _ says: String, _ old: String, _ new: String, _ code: TaperError.Code = .badData
    ) -> HostileCase {
        HostileCase(name: "adaptive-" + name, code: code, says: says) {
            var forge = Forge(try TinyBundle.withAdaptive.bytes())
            try forge.edit("adaptive", old, new)
            return forge.bytes()
        }
    }

    /// Of a bundle with precision by need.
    static let adaptiveSchedule: [HostileCase] = [
        facts("schema", "another kind", "taper-adaptive-1", "taper-adaptive-9", .unsupported),
        facts("low-above", "out of order", "\"low_bits\":2", "\"low_bits\":4"),
        facts("rescue-below", "out of order", "\"rescue_bits\":4", "\"rescue_bits\":2"),
        facts("rescue-not-served", "holds no 6-bit weights", "\"rescue_bits\":4", "\"rescue_bits\":6"),
        facts("prefill-none", "prefill_bits", "\"prefill_bits\":4,", ""),
        facts("margin-negative", "margin", "\"margin\":1.4", "\"margin\":-1.4"),
        facts("margin-huge", "margin", "\"margin\":1.4", "\"margin\":1e300"),
        facts("margin-text", "margin", "\"margin\":1.4", "\"margin\":\"1\""),
        facts("keep-negative", "keep_within", "\"keep_within\":0.25", "\"keep_within\":-1"),
        facts("opening-negative", "opening_steps", "\"opening_steps\":3", "\"opening_steps\":-3"),
        facts("hold-large", "hold_steps", "\"hold_steps\":2", "\"hold_steps\":65537"),
        facts("reread-0", "reread", "\"reread\":4", "\"reread\":0"),
        facts("reread-16", "reread", "\"reread\":4", "\"reread\":16"),
        facts("limit-0", "max_new_tokens", "\"max_new_tokens\":48", "\"max_new_tokens\":0"),
        facts("score", "score", "\"score\":0.0125", "\"score\":null"),
    ]
}

@Suite struct AdaptiveScheduleTests {
    @Test func whatIsWrittenIsRead() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            try TinyBundle.withAdaptive.write(to: path)
            let read = try #require(try Bundle(path: path).adaptiveSchedule())
            #expect(read.rule == TinyBundle.adaptive.rule)
            #expect(read.json.text() == TinyBundle.adaptive.json.text())
            #expect(try Bundle(path: path).verify().problems == [])
            try TinyBundle(precisions: [2, 3]).write(to: folder + "/none.taper")
            #expect(try Bundle(path: folder + "/none.taper").adaptiveSchedule() == nil)
        }
    }

    @Test func aCutDropsWhatItCannotServe() throws {
        try Scratch.with { (folder: String) throws in
            let path = folder + "/a.taper"
            try TinyBundle.withAdaptive.write(to: path)
            try cutBundle(from: path, to: folder + "/4.taper", maxBits: 4, replacing: false)
            #expect(try Bundle(path: folder + "/4.taper").adaptiveSchedule()?.rule == TinyBundle.adaptive.rule)
            try cutBundle(from: path, to: folder + "/3.taper", maxBits: 3, replacing: false)
            let three = try Bundle(path: folder + "/3.taper")
            #expect(try three.adaptiveSchedule() == nil && !three.sections.contains { $0.name == "adaptive" })
        }
    }
}
