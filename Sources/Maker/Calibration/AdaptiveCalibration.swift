public import Bundle
import Decoding
public import Evaluation
public import Kernels
public import Model
import Runtime
import Scoring
public import Storage

/// How precision by need is calibrated.
public struct AdaptiveSettings: Sendable {
    /// nil: every whole precision below the high one is tried.
    public var low: Precision?
    /// nil: 4 bits, or the highest below, or the second lowest.
    public var high: Precision?
    /// Reads prompts; nil for the high precision.
    public var prefill: Precision?
    public var maxNewTokens: Int
    /// Loss that is allowed over that of the high precision throughout, in nats a token.
    public var tolerance: Double
    /// What the examples are; for the evidence.
    public var kind: CalibrationExamples.Kind

    public init(
        low: Precision? = nil, high: Precision? = nil, prefill: Precision? = nil, maxNewTokens: Int, tolerance: Double,
        kind: CalibrationExamples.Kind = .examples
    ) {
        self.low = low
        self.high = high
        self.prefill = prefill
        self.maxNewTokens = maxNewTokens
        self.tolerance = tolerance
        self.kind = kind
    }
}

/// Finds the rule of precision by need that costs the least a token, in bytes read and rows computed, and whose answers lose at most the tolerance over those
/// that the high precision writes.
///
/// What an answer loses is judged by the bundle's highest precision: how much less likely it finds each token than its own likeliest,
/// along the answer itself, so that no answer to compare with is needed. First the margin is searched, then everything else, a setting
/// at a time, and what reads less within the tolerance is kept.
public struct AdaptiveSearch {
    /// What a rule, or a constant precision, costs and loses.
    public struct Candidate: Sendable {
        public let name: String
        /// nil of a constant precision.
        public let rule: AdaptiveRule?
        public let losses: [Double]
        public let averageBits: Double
        public let bytesPerToken: Double
        /// The same, where a further row that a look computes counts as a part of it.
        public let cost: Double
        public let tokenCount: Int
        public var loss: Double { losses.isEmpty ? 0 : losses.reduce(0, +) / Double(losses.count) }
    }

    static let margins: [Float] = [1, 2, 3, 4.5, 6.5, 9]
    /// What another row costs a step at 4 bits, as a share of it, where products bound it rather than memory (docs/results.md,
    /// Several rows at once).
    static let rowCost = 0.15

    private let runner: TaskRunner
    private let settings: AdaptiveSettings
    private let highest: Precision
    private let examples: [Int]
    private let progress: (Double) -> Void
    public private(set) var candidates: [Candidate] = []
    private var done = 0.0

    public init(_ runner: TaskRunner, _ settings: AdaptiveSettings, progress: @escaping (Double) -> Void) {
        self.runner = runner
        self.settings = settings
        self.progress = progress
        highest = runner.served.last ?? 0
        examples = Array(runner.prompts.indices)
    }

    public var high: Precision {
        let whole = runner.served.filter(\.isWhole)
        return settings.high ?? whole.last { $0.bits <= 4 && $0 > whole[0] } ?? whole.first { $0 > whole[0] } ?? highest
    }

    /// - Returns: the rule that was chosen, and the high precision throughout; nil where no rule is within the tolerance.
    public mutating func run() throws(TaperError) -> (chosen: Candidate?, reference: Candidate) {
        let (high, prefill) = (high, settings.prefill ?? high)
        let lows = settings.low.map { [$0] } ?? runner.served.filter { $0.isWhole && $0 < high }
        guard !lows.isEmpty, lows.allSatisfy({ $0 < high }) else {
            throw TaperError(
                .usage, "precision by need goes from a low to a higher precision", at: field("bits_low"),
                expected: "fewer than \(high.text) bits", found: lows.first?.text ?? "none in the bundle")
        }
        let constants = runner.served.filter { ($0.isWhole || $0 == high) && $0 >= lows[0] && $0 <= high }
        // Each rule and constant is about the same work; a few margins are spared.
        let work = Double(constants.count + lows.count * Self.margins.count + 6)
        for bits in constants.reversed() {
            candidates.append(try measure(constant: bits, prefill: prefill, share: 1 / work))
        }
        let reference = candidates[0]
        var best: Candidate?
        for low in lows {
            for margin in Self.margins {
                let rule = AdaptiveRule(
                    low: low, high: high, prefill: prefill, rescue: highest, margin: margin, tolerance: 0)
                let candidate = try measure(rule, share: 1 / work)
                candidates.append(candidate)
                keep(candidate, over: reference, in: &best)
                // A larger margin only costs more.
                if isWithin(candidate, reference) { break }
            }
        }
        guard let start = best?.rule else { return (nil, reference) }
        func tried(_ change: (inout AdaptiveRule) -> Void) -> AdaptiveRule {
            var rule = best?.rule ?? start
            change(&rule)
            return rule
        }
        for rule in [
            tried { $0.tolerance = 0.25 }, tried { $0.tolerance = 1 }, tried { $0.margin *= 0.75 },
            tried { $0.openingSteps = 8 }, tried { $0.holdSteps = 2 }, tried { $0.reread = 4 },
        ] {
            let candidate = try measure(rule, share: 1 / work)
            candidates.append(candidate)
            keep(candidate, over: reference, in: &best)
        }
        return (best, reference)
    }

    private func isWithin(_ candidate: Candidate, _ reference: Candidate) -> Bool {
        candidate.loss <= reference.loss + settings.tolerance
    }

    private func keep(_ candidate: Candidate, over reference: Candidate, in best: inout Candidate?) {
        guard isWithin(candidate, reference) else { return }
        guard let known = best else { return best = candidate }
        // A hundredth of the cost is no reason to lose more.
        if candidate.cost < 0.99 * known.cost || candidate.cost < 1.01 * known.cost && candidate.loss < known.loss {
            best = candidate
        }
    }

    private mutating func measure(_ rule: AdaptiveRule, share: Double) throws(TaperError) -> Candidate {
        let (begun, progress) = (done, progress)
        let outcomes = try runner.run(examples, adaptive: rule) { progress(min(1, begun + 0.7 * share * $0)) }
        return try candidate(
            "margin \(shortest(round6(Double(rule.margin)))), keeps within \(shortest(round6(Double(rule.tolerance))))"
                + (rule.openingSteps > 0 ? ", begins with \(rule.openingSteps)" : "")
                + (rule.holdSteps > 0 ? ", holds \(rule.holdSteps)" : "")
                + (rule.reread > 1 ? ", reads \(rule.reread) again" : "") + ", from \(rule.low.text) bits", rule,
            outcomes, share)
    }

    private mutating func measure(constant bits: Precision, prefill: Precision, share: Double) throws(TaperError)
        -> Candidate
    {
        let (begun, progress) = (done, progress)
        let outcomes = try runner.run(
            examples, [DecodeStrategy(.constant(bits, prefillBits: prefill))]
        ) { progress(min(1, begun + 0.7 * share * $0)) }
        return try candidate("constant \(bits.label)", nil, outcomes.map { $0[0] }, share)
    }

    private mutating func candidate(
        _ name: String, _ rule: AdaptiveRule?, _ outcomes: [TaskRunner.Outcome], _ share: Double
    ) throws(TaperError) -> Candidate {
        let (begun, progress) = (done + 0.7 * share, progress)
        let losses = try runner.losses(
            zip(examples, outcomes).map { ($0, $1.answer) }, bits: highest
        ) { progress(min(1, begun + 0.3 * share * $0)) }
        done += share
        let steps = Double(max(1, outcomes.reduce(0) { $0 + $1.answer.bits.count }))
        let byteCount = outcomes.reduce(0) { sum, outcome in
            sum + outcome.answer.sum { Double(runner.bytesPerToken(bits: $0)) }
        }
        let looks = outcomes.reduce(0) { $0 + ($1.answer.adaptive?.looks ?? 0) }
        let rows = rule.map { Double(looks * $0.reread * runner.bytesPerToken(bits: $0.high)) } ?? 0
        return Candidate(
            name: name, rule: rule, losses: losses,
            averageBits: outcomes.reduce(0) { $0 + $1.answer.sum { $0.bits } } / steps,
            bytesPerToken: byteCount / steps, cost: (byteCount + Self.rowCost * rows) / steps,
            tokenCount: outcomes.reduce(0) { $0 + $1.answer.tokens.count })
    }
}

/// Calibrates precision by need on prompts, with the evidence for it.
/// - Throws: `usage` for precisions that do not fit; `verificationFailed` where no rule is within the tolerance.
public func calibrateAdaptive(
    bundle: Bundle, examples: [TaskExample], settings: AdaptiveSettings, pool: ThreadPool,
    progress: @escaping (Double) -> Void
) throws(TaperError) -> AdaptiveSchedule {
    let runner = try TaskRunner(
        bundle: bundle, examples: examples, maxNewTokens: settings.maxNewTokens, pool: pool,
        place: "precision by need", keepsPrompts: true)
    for bits in [settings.low, settings.high, settings.prefill].compactMap({ $0 }) {
        try bits.check(served: runner.served, place: bundle.path)
    }
    var search = AdaptiveSearch(runner, settings, progress: progress)
    let (chosen, reference) = try search.run()
    guard let chosen, let rule = chosen.rule else {
        let least = search.candidates.filter { $0.rule != nil }.map(\.loss).min() ?? 0
        throw TaperError(
            .verificationFailed, "no rule is within the tolerance of \(search.high.label) throughout", at: bundle.path,
            expected: "a loss of at most \(fixed(reference.loss + settings.tolerance, 4)) nats a token",
            found: fixed(least, 4), remedy: "Allow more by \(field("tolerance")), or raise \(field("bits_low"))")
    }
    func summary(_ candidate: AdaptiveSearch.Candidate) -> JSONValue {
        let difference = zip(candidate.losses, reference.losses).map { $0 - $1 }
        let estimate = Bootstrap(exampleCount: difference.count).estimate(level: 0.95) { examples in
            var (sum, count) = (0.0, 0)
            for example in examples {
                sum += difference[example]
                count += 1
            }
            return sum / Double(max(1, count))
        }
        return .object([
            .init("schedule", .string(candidate.name)), .init("score", .number(round6(candidate.loss))),
            .init("average_bits", .number(round6(candidate.averageBits))),
            .init("bytes_per_token", .integer(Int(candidate.bytesPerToken.rounded()))),
            .init("cost", .integer(Int(candidate.cost.rounded()))),
            .init("tokens", .integer(candidate.tokenCount)),
            .init("difference", .number(round6(estimate?.value ?? 0))),
            .init("standard_error", .number(round6(estimate?.standardError ?? 0))),
            .init("low", .number(round6(estimate?.interval.lowerBound ?? 0))),
            .init("high", .number(round6(estimate?.interval.upperBound ?? 0))),
        ])
    }
    let cheaper = search.candidates.filter {
        $0.rule == nil && $0.loss <= reference.loss + settings.tolerance && $0.bytesPerToken <= chosen.bytesPerToken
    }.min { $0.bytesPerToken < $1.bytesPerToken }
    typealias Key = ScheduleEvidence.Key
    let evidence = JSONValue.object([
        .init("method", .string("adaptive")), .init(Key.examples, .integer(examples.count)),
        .init("data", .string(settings.kind.rawValue)),
        .init("judged_by", runner.served.last?.json ?? .null),
        .init("bytes_per_token", .integer(Int(chosen.bytesPerToken.rounded()))),
        .init("cost", .integer(Int(chosen.cost.rounded()))),
        .init("high_bytes_per_token", .integer(Int(reference.bytesPerToken.rounded()))),
        .init(Key.cheaperConstant, cheaper.map { .string($0.name) } ?? .null),
        .init(Key.candidates, .array(search.candidates.map(summary))),
    ])
    return AdaptiveSchedule(
        rule: rule, score: round6(chosen.loss), referenceScore: round6(reference.loss), tolerance: settings.tolerance,
        averageBits: round6(chosen.averageBits), maxNewTokens: settings.maxNewTokens,
        evidence: ScheduleEvidence(evidence))
}
