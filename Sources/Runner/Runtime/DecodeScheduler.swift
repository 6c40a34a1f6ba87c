public import Bundle
public import Kernels
public import Model

/// Where a generation's schedule comes from.
public enum DecodeScheduler: Sendable {
    /// Known before.
    case fixed(PrecisionSchedule)
    /// Decided once per prompt, right after the prefill at these bits.
    case learned(LearnedScheduler, prefillBits: Precision)
    /// Decided while it writes.
    case adaptive(AdaptiveRule)

    public init(_ learned: LearnedScheduler) { self = .learned(learned, prefillBits: learned.prefillBits) }

    public var prefillBits: Precision {
        switch self {
        case .fixed(let schedule): schedule.prefillBits
        case .learned(_, let bits): bits
        case .adaptive(let rule): rule.prefill
        }
    }

    /// Every precision that it may decode at, from high to low.
    public var decodeBits: [Precision] {
        switch self {
        case .fixed(let schedule): schedule.steps.map { $0.bits }
        case .learned(let learned, _): (learned.pairs.first.map { [$0.high] } ?? []) + learned.pairs.map { $0.low }
        case .adaptive(let rule): [rule.high, rule.low]
        }
    }

    /// Precision by need, where it is that.
    public var adaptiveRule: AdaptiveRule? {
        if case .adaptive(let rule) = self { return rule }
        return nil
    }

    /// "6@0,4@32", where it is known before.
    public var text: String {
        switch self {
        case .fixed(let schedule): schedule.text
        case .learned: "decided for every prompt"
        case .adaptive(let rule): rule.text
        }
    }

    /// The schedule for a prompt that fills the sequence; of precision by need that of the steps that look.
    ///
    /// - Parameter maxNewTokens: the limit of new tokens, negative for none.
    public func schedule(after sequence: TokenSequence, maxNewTokens: Int, pool: ThreadPool) -> PrecisionSchedule {
        switch self {
        case .fixed(let schedule): return schedule
        case .learned(let learned, let bits):
            return learned.schedule(
                after: sequence, positions: sequence.position, maxNewTokens: maxNewTokens, pool: pool
            ).prefilled(at: bits)
        case .adaptive(let rule): return .constant(rule.high, prefillBits: rule.prefill)
        }
    }
}
