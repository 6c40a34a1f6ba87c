public import Model
public import Storage

/// What a bundle records of precision by need: the rule, and what it was found to cost and to lose.
public struct AdaptiveSchedule: Sendable {
    public var rule: AdaptiveRule
    /// Mean loss, in nats a token, of the answers that the rule writes, and of those at the rule's high precision throughout: how much
    /// less likely the bundle's highest precision finds each token than its own likeliest.
    public var score: Double
    public var referenceScore: Double
    /// Loss that was allowed over `referenceScore`.
    public var tolerance: Double
    /// Bits read for a token, on average.
    public var averageBits: Double
    public var maxNewTokens: Int
    public var evidence: ScheduleEvidence

    public static let schema = "taper-adaptive-1"

    public init(
        rule: AdaptiveRule, score: Double, referenceScore: Double, tolerance: Double, averageBits: Double,
        maxNewTokens: Int, evidence: ScheduleEvidence
    ) {
        self.rule = rule
        self.score = score
        self.referenceScore = referenceScore
        self.tolerance = tolerance
        self.averageBits = averageBits
        self.maxNewTokens = maxNewTokens
        self.evidence = evidence
    }

    public var json: JSONValue {
        .object([
            .init("schema", .string(AdaptiveSchedule.schema)),
            .init("low_bits", rule.low.json),
            .init("high_bits", rule.high.json),
            .init("prefill_bits", rule.prefill.json),
            .init("rescue_bits", rule.rescue.json),
            .init("margin", .number(round6(Double(rule.margin)))),
            .init("keep_within", .number(round6(Double(rule.tolerance)))),
            .init("opening_steps", .integer(rule.openingSteps)),
            .init("hold_steps", .integer(rule.holdSteps)),
            .init("reread", .integer(rule.reread)),
            .init("score", .number(score)),
            .init("reference_score", .number(referenceScore)),
            .init("tolerance", .number(tolerance)),
            .init("average_bits", .number(averageBits)),
            .init("max_new_tokens", .integer(maxNewTokens)),
            .init("evidence", evidence.json),
        ])
    }

    /// - Throws: `badData` for missing fields and values out of their range; `unsupported` for another schema.
    public init(json: JSONValue, place: String) throws(TaperError) {
        func wrong(_ key: String) -> TaperError {
            TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
        }
        func number(_ key: String) throws(TaperError) -> Double {
            guard let value = json[key]?.double, value.isFinite else { throw wrong(key) }
            return value
        }
        func distance(_ key: String) throws(TaperError) -> Float {
            let value = Float(try number(key))
            guard value >= 0, value.isFinite else { throw wrong(key) }
            return value
        }
        func count(_ key: String, _ range: ClosedRange<Int>) throws(TaperError) -> Int {
            guard let value = json[key]?.integer, range.contains(value) else { throw wrong(key) }
            return value
        }
        func bits(_ key: String) throws(TaperError) -> Precision {
            guard let bits = Precision(json: json[key]), bits.kind != nil else { throw wrong(key) }
            return bits
        }
        guard json["schema"]?.string == AdaptiveSchedule.schema else {
            throw TaperError(
                .unsupported, "precision by need of another kind", at: place, expected: AdaptiveSchedule.schema,
                found: printable(json["schema"]?.string ?? "nothing"))
        }
        let (low, high, rescue) = (try bits("low_bits"), try bits("high_bits"), try bits("rescue_bits"))
        guard low < high, high <= rescue else {
            throw TaperError(
                .badData, "precisions are out of order", at: place, expected: "low, high and rescue bits, ascending",
                found: low.text + ", " + high.text + ", " + rescue.text)
        }
        let steps = 0...AdaptiveRule.mostSteps
        self.init(
            rule: AdaptiveRule(
                low: low, high: high, prefill: try bits("prefill_bits"), rescue: rescue,
                margin: try distance("margin"), tolerance: try distance("keep_within"),
                openingSteps: try count("opening_steps", steps), holdSteps: try count("hold_steps", steps),
                reread: try count("reread", 1...AdaptiveRule.mostReread)),
            score: try number("score"), referenceScore: try number("reference_score"),
            tolerance: try number("tolerance"), averageBits: try number("average_bits"),
            maxNewTokens: try count("max_new_tokens", 1...1 << 20),
            evidence: ScheduleEvidence(json["evidence"] ?? .null))
    }
}

extension Bundle {
    /// Precision by need; nil when the bundle has none.
    /// - Throws: `badData` naming the rule of `formats/bundle.md` that is broken.
    public func adaptiveSchedule() throws(TaperError) -> AdaptiveSchedule? {
        guard let json = try json(SectionName.adaptive) else { return nil }
        let place = place(of: SectionName.adaptive)
        let schedule = try AdaptiveSchedule(json: json, place: place)
        let served = try servedPrecisions()
        for bits in schedule.rule.precisions { try bits.check(served: served, code: .badData, place: place) }
        return schedule
    }
}
