public import Model
import Storage

/// Low precision drafts tokens, the step's own precision verifies them all at once: the same file, the same cache, and the same
/// tokens as without, since what a row gives does not depend on the rows beside it (speculative decoding, arXiv 2211.17192, with
/// the draft's draws coupled to the verifier's by the same random numbers).
public struct Speculation: Equatable, Sendable {
    /// Precision of the drafts; steps at this or less are taken plainly.
    public var draftBits: Precision
    /// Tokens drafted at a time, at most.
    public var limit: Int

    /// As many as verify at little more than the cost of one.
    public static let usualLimit = 7

    public init(draftBits: Precision, limit: Int = Speculation.usualLimit) {
        precondition(limit > 0, "a draft of no tokens")
        self.draftBits = draftBits
        self.limit = limit
    }
}

/// What speculation did in a generation.
public struct SpeculationCounts: Equatable, Sendable {
    /// Tokens drafted by the model, and repeated from the text.
    public internal(set) var drafted = 0
    public internal(set) var repeated = 0
    /// Of both together, those that the verifier agreed with.
    public internal(set) var accepted = 0
    /// Steps that verified drafts.
    public internal(set) var verifications = 0

    public init() {}
}
