public import Model
public import Storage

/// Why a generation ended.
public enum StopReason: String, Sendable {
    /// The model wrote one of the stop tokens.
    case endOfSequence = "end"
    /// As many new tokens as asked for.
    case length
    /// No position was left in the sequence.
    case contextFull = "context"
    /// The caller did not want more.
    case caller = "stopped"
    /// A number left its range: `Generation.failure` says which.
    case failed
}

/// A prompt that is being continued: what was asked for, and what has come of it.
///
/// The first new token comes from the prompt; decode step s reads new token s and yields the next one. The last new token
/// is not in the sequence afterwards.
public final class Generation<Plan: DecodePlan> {
    public let sequence: Plan.Executor.Sequence
    public var plan: Plan
    /// Continues what the sequence already holds.
    public let prompt: [Int]
    /// New tokens at most.
    public let limit: Int
    public let stopTokens: [Int]
    /// Room that it takes in its batch.
    public private(set) var cost: Int

    /// New tokens so far, without the stop token.
    public internal(set) var tokens: [Int] = []
    /// Precision of every decode step taken: one fewer than `tokens`, or as many when a stop token was drawn.
    public internal(set) var bitsPerStep: [Precision] = []
    /// nil while it is at work.
    public internal(set) var stopReason: StopReason?
    public internal(set) var failure: TaperError?
    /// Positions that the prompt fills together with what was there before; 0 until it has been read.
    public internal(set) var promptEnd = 0
    public internal(set) var prefillSeconds = 0.0
    /// Deciding on the precisions, between prefill and decode.
    public internal(set) var schedulingSeconds = 0.0
    public internal(set) var decodeSeconds = 0.0

    /// Tokens of the prompt that have been read.
    public internal(set) var readCount = 0
    /// Of those to come, as many as the tick at hand reads.
    var chunkCount = 0
    /// After the prompt, where the sequence held it from the beginning.
    var knownLogits: [Float] = []
    /// Precision that it waits to be run at; 0 when it has been.
    var pendingBits: Precision = 0
    /// The token that the last step gave.
    var drawn = -1
    /// What drafting did so far.
    public internal(set) var speculationCounts = SpeculationCounts()
    /// Tokens that the step at hand verifies, where they came from, and what it gives after each, with the sampler that drew it.
    var drafts: [Int] = []
    var draftBins: [Int] = []
    var draftSeconds = 0.0
    var verified: [(token: Int, sampler: Plan.Sampler)] = []
    /// Whether a token was another than drafted: what comes after it counts no more.
    var hasParted = false
    var policy: DraftPolicy?
    /// Whether a draft could not be run: no further one is tried.
    var cannotDraft = false
    var lookup = TextLookup()
    /// nil without precision by need.
    var adaptation: Adaptation<Plan.Sampler>?
    /// When the phase began that it is in.
    var phaseStart: Double

    /// - Parameter cost: room that it takes in its batch, in the batch's unit.
    public init(
        _ sequence: Plan.Executor.Sequence, plan: Plan, prompt: [Int], limit: Int, stopTokens: [Int], cost: Int = 1
    ) {
        precondition(limit >= 0 && cost >= 0, "no room for nothing")
        self.sequence = sequence
        self.plan = plan
        self.prompt = prompt
        self.limit = limit
        self.stopTokens = stopTokens
        self.cost = cost
        phaseStart = monotonicSeconds()
        let expected = min(limit, max(0, sequence.capacity - sequence.position))
        tokens.reserveCapacity(expected)
        bitsPerStep.reserveCapacity(expected)
    }

    /// A twin that goes its own way from here on: `sequence` holds what this one's does, and part of its room is the twin's.
    public init(
        forking other: Generation, into sequence: Plan.Executor.Sequence, plan: Plan, cost: Int
    ) {
        precondition(other.isDecoding && sequence.position == other.sequence.position, "nothing to go on from")
        self.sequence = sequence
        self.plan = plan
        self.cost = cost
        (prompt, limit, stopTokens) = (other.prompt, other.limit, other.stopTokens)
        (tokens, bitsPerStep) = (other.tokens, other.bitsPerStep)
        (promptEnd, readCount) = (other.promptEnd, other.readCount)
        (prefillSeconds, schedulingSeconds) = (other.prefillSeconds, other.schedulingSeconds)
        speculationCounts = other.speculationCounts
        phaseStart = other.phaseStart
        other.cost -= cost
    }

    /// Whether it is past its prompt and not at its end.
    public var isDecoding: Bool { stopReason == nil && readCount == prompt.count }
    /// What precision by need did so far; nil without.
    public var adaptiveCounts: AdaptiveCounts? { adaptation?.counts }
    /// Decode steps from the first on that lie in the sequence at the precision that is told of them.
    public var faithfulStepCount: Int { min(bitsPerStep.count, adaptation?.firstReread ?? Int.max) }
    /// Decode steps taken, those of tokens that are not told yet included.
    var stepCount: Int { bitsPerStep.count + (adaptation?.held.count ?? 0) }
    /// That the next step reads.
    var latestToken: Int { adaptation?.held.last?.token ?? tokens[tokens.count - 1] }

    func dropDrafts() {
        drafts.empty()
        draftBins.empty()
        verified.empty()
        draftSeconds = 0
    }

    var isReading: Bool { readCount < prompt.count && knownLogits.isEmpty }

    func end(_ reason: StopReason, _ failure: TaperError? = nil) {
        guard stopReason == nil else { return }
        if readCount == prompt.count { decodeSeconds = monotonicSeconds() - phaseStart }
        stopReason = reason
        self.failure = failure
    }
}
