import Decoding
import Kernels
import Model
import Runtime
import Storage

/// One answer, or the common beginning of several: strategies that have taken every decode step so far at the same precision
/// have the same tokens and the same cache, so they are worked on once.
struct AnswerPlan: DecodePlan {
    typealias Executor = Engine

    /// Place of the example among those asked for.
    let slot: Int
    let prefillBits: Precision
    /// Strategies whose answer this is so far, ascending, with what each makes of it.
    private(set) var members: [(index: Int, state: StrategyState)]
    var sampler: AnswerSampler

    init(slot: Int, prefillBits: Precision, members: [(index: Int, state: StrategyState)], sampler: AnswerSampler) {
        self.slot = slot
        self.prefillBits = prefillBits
        self.members = members
        self.sampler = sampler
        self.sampler.isObserved = members.contains { $0.state.observes }
    }

    /// That of all members, which have been divided.
    func bits(atStep step: Int) -> Precision { members[0].state.bits(atStep: step) }

    /// Lets the strategies that listen hear of the token just chosen.
    mutating func observe() {
        guard sampler.isObserved else { return }
        for index in members.indices { members[index].state.observe(sampler.probability) }
        sampler.isObserved = members.contains { $0.state.observes }
    }

    /// Keeps the members that want the first one's precision at a step; the others are plans of their own, one for each
    /// precision. All keep the members' order.
    mutating func divide(atStep step: Int) -> [AnswerPlan] {
        if members.count == 1 { return [] }
        var groups: [(bits: Precision, members: [(index: Int, state: StrategyState)])] = []
        for member in members {
            let wanted = member.state.bits(atStep: step)
            if let index = groups.firstIndex(where: { $0.bits == wanted }) {
                groups[index].members.append(member)
            } else {
                groups.append((wanted, [member]))
            }
        }
        let parts = groups.map {
            AnswerPlan(slot: slot, prefillBits: prefillBits, members: $0.members, sampler: sampler)
        }
        self = parts[0]
        return Array(parts.dropFirst())
    }
}

/// Chooses the likeliest token, draws one, or follows a text and compares with the model that wrote it.
struct AnswerSampler: TokenSampler {
    private let operations: VectorOps
    private let greedy: GreedySampler
    /// Of answers that are samples.
    private var drawn: Sampler?
    /// The text that is followed.
    let comparison: PathComparison?
    private(set) var divergence = PathDivergence()
    /// Tokens chosen.
    private var position = 0
    /// Whether somebody listens to probabilities.
    var isObserved = false
    /// Of the likeliest token of the last step, where it is observed.
    private(set) var probability = 0.0

    init(
        _ operations: VectorOps, drawing drawn: Sampler? = nil,
        following comparison: PathComparison? = nil
    ) {
        self.drawn = drawn
        self.operations = operations
        greedy = GreedySampler(operations)
        self.comparison = comparison
    }

    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        if let comparison { divergence.add(comparison.compare(UnsafeBufferPointer(logits), at: position)) }
        var token = 0
        if comparison == nil { token = drawn?.sample(logits) ?? greedy.sample(logits) }
        if isObserved, let base = logits.baseAddress {
            probability = 1 / Double(operations.softmaxNumerators(base, count: logits.count))
        }
        // Nothing reads what follows the last token of a text.
        if let comparison { token = position < comparison.tokens.count ? comparison.tokens[position] : 0 }
        position += 1
        return token
    }
}
