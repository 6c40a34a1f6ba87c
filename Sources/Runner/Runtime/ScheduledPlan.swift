import Bundle
public import Decoding
public import Model

/// Progressive mixed-precision decoding: a prompt read at one precision, then steps along a schedule, which the scheduler may
/// choose once the prompt has been read.
public struct ScheduledPlan: DecodePlan {
    public typealias Executor = Engine

    public var sampler: Sampler
    private let scheduler: DecodeScheduler
    private let maxNewTokens: Int
    public let speculation: Speculation?
    /// What memory allows; nil where it is not looked at.
    private let ceiling: PrecisionCeiling?
    /// Of the prompt's last part, once it has been read.
    private var promptBits: Precision?
    /// nil until the prompt has been read.
    public private(set) var schedule: PrecisionSchedule?

    /// - Parameter maxNewTokens: the limit of new tokens, negative for none: a learned scheduler decides on shares of it.
    public init(
        _ scheduler: DecodeScheduler, sampler: Sampler, maxNewTokens: Int, speculation: Speculation? = nil,
        ceiling: PrecisionCeiling? = nil
    ) {
        self.scheduler = scheduler
        self.sampler = sampler
        self.maxNewTokens = maxNewTokens
        // Exact drafts are verified by one precision.
        self.speculation = scheduler.adaptiveRule == nil ? speculation : nil
        self.ceiling = ceiling
    }

    public var prefillBits: Precision { promptBits ?? capped(scheduler.prefillBits) }
    public var adaptive: AdaptiveRule? {
        guard var rule = scheduler.adaptiveRule else { return nil }
        rule.rescue = capped(rule.rescue)
        return rule
    }

    public mutating func promptWasRead(by engine: Engine, _ sequence: TokenSequence) {
        promptBits = capped(scheduler.prefillBits)
        schedule = scheduler.schedule(after: sequence, maxNewTokens: maxNewTokens, pool: engine.pool)
    }

    public func bits(atStep step: Int) -> Precision { capped(scheduled(atStep: step)) }

    /// Whatever memory there is.
    func scheduled(atStep step: Int) -> Precision { schedule?.bits(atStep: step) ?? scheduler.prefillBits }
    private func capped(_ bits: Precision) -> Precision { ceiling?.capped(bits) ?? bits }
}
