public import Model
import Storage

/// A token with the sampler that has drawn it.
struct DrawnToken<Sampler: TokenSampler> {
    let token: Int
    /// Of its step.
    let bits: Precision
    let sampler: Sampler
}

/// What precision by need did in a generation.
public struct AdaptiveCounts: Equatable, Sendable {
    public let rule: AdaptiveRule
    /// Steps at the low precision, those that were unsure included.
    public internal(set) var lowSteps = 0
    /// Times that the high precision read an unsure step again, and its steps besides.
    public internal(set) var looks = 0
    public internal(set) var highSteps = 0
    /// Looks that kept the token.
    public internal(set) var kept = 0
    /// Loops whose last stretch was written again, and the steps that took.
    public internal(set) var rescues = 0
    public internal(set) var rescueSteps = 0

    /// Times that the weights were read at each precision: a look reads them once more.
    struct Reads: Equatable, Sendable {
        let bits: Precision
        var count: Int
    }
    private var reads: [Reads] = []

    init(_ rule: AdaptiveRule) { self.rule = rule }

    mutating func addRead(at bits: Precision) {
        for index in reads.indices where reads[index].bits == bits {
            reads[index].count += 1
            return
        }
        reads.append(Reads(bits: bits, count: 1))
    }

    /// What all steps read together, where one at a precision reads so much.
    public func sum(_ each: (Precision) -> Double) -> Double {
        reads.reduce(0) { $0 + Double($1.count) * each($1.bits) }
    }
}

/// A generation with precision by need, at work.
struct Adaptation<Sampler: TokenSampler> {
    var counts: AdaptiveCounts
    /// Drawn by an unsure step, for the high precision to decide on; and the sampler before it.
    var unsure: DrawnToken<Sampler>?
    var undo: Sampler?
    /// What it decided: the token, and what follows it where it was kept.
    var decided: [DrawnToken<Sampler>] = []
    /// How far the step's likeliest token was ahead.
    var margin: Float = 0
    /// Steps at the low precision in a row until now.
    var lowRun = 0
    /// The first step whose keys and values are not those of the precision that was told of it.
    var firstReread = Int.max
    /// Steps yet at the high precision, because a token was not kept.
    var holdLeft = 0
    /// Steps yet that get out of a loop.
    var rescueLeft = 0
    /// Drawn and read, but not told yet: they may be the beginning of a loop.
    var held: [DrawnToken<Sampler>] = []
    var watch = LoopWatch()
    /// After the latest token that is no longer held.
    var toldSampler: Sampler

    init(_ rule: AdaptiveRule, _ sampler: Sampler) {
        counts = AdaptiveCounts(rule)
        toldSampler = sampler
    }
}
