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
    /// nil until the prompt has been read.
    public private(set) var schedule: PrecisionSchedule?

    /// - Parameter maxNewTokens: the limit of new tokens, negative for none: a learned scheduler decides on shares of it.
    public init(_ scheduler: DecodeScheduler, sampler: Sampler, maxNewTokens: Int, speculation: Speculation? = nil) {
        self.scheduler = scheduler
        self.sampler = sampler
        self.maxNewTokens = maxNewTokens
        // Exact drafts are verified by one precision.
        self.speculation = scheduler.adaptiveRule == nil ? speculation : nil
    }

    public var prefillBits: Precision { scheduler.prefillBits }
    public var adaptive: AdaptiveRule? { scheduler.adaptiveRule }

    public mutating func promptWasRead(by engine: Engine, _ sequence: TokenSequence) {
        schedule = scheduler.schedule(after: sequence, maxNewTokens: maxNewTokens, pool: engine.pool)
    }

    public func bits(atStep step: Int) -> Precision { schedule?.bits(atStep: step) ?? prefillBits }
}
