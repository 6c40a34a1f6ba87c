public import Model
public import Runtime
public import Storage

/// How the precision of every decode step of an answer is chosen: a schedule, or what schedules are compared with.
///
/// `PrecisionSchedule` only ever steps down, and so does the runner. Patterns that rise again exist here and nowhere else,
/// to measure what the order of precisions is worth.
public struct DecodeStrategy {
    public enum Rule {
        /// The same switch points for every prompt.
        case schedule(PrecisionSchedule)
        /// Precision of a decode step (0-based) of an example; may rise.
        case pattern((_ example: Int, _ step: Int) -> Precision)
        /// Steps down when the model has become sure of itself.
        case confidence(ConfidenceRule)
        /// Decided once per prompt, when the sequence holds the prompt and nothing else.
        case afterPrefill((Engine, TokenSequence) throws(TaperError) -> PrecisionSchedule)
    }
    public var prefillBits: Precision
    public var rule: Rule

    public init(prefillBits: Precision, rule: Rule) {
        self.prefillBits = prefillBits
        self.rule = rule
    }

    public init(_ schedule: PrecisionSchedule) {
        self.init(prefillBits: schedule.prefillBits, rule: .schedule(schedule))
    }

    /// - Parameter maxNewTokens: the limit that a learned scheduler's switch points are shares of.
    public init(_ scheduler: DecodeScheduler, maxNewTokens: Int) {
        switch scheduler {
        case .fixed(let schedule): self.init(schedule)
        case .learned(_, let prefillBits):
            self.init(
                prefillBits: prefillBits,
                rule: .afterPrefill { engine, sequence in
                    scheduler.schedule(after: sequence, maxNewTokens: maxNewTokens, pool: engine.pool)
                })
        case .adaptive: preconditionFailure("precision by need is no schedule of steps: TaskRunner.run(_:adaptive:)")
        }
    }
}

/// High precision until the most likely token's probability exceeds mean + k * deviation of the first ten, then low: a
/// control of Chen et al. 2025 that knows the answer so far but not the model.
public struct ConfidenceRule: Sendable, Equatable {
    public var high: Precision
    public var low: Precision
    /// Standard deviations above the mean.
    public var k: Double
    /// Probabilities that mean and deviation are taken of.
    public static let observedCount = 10

    public init(high: Precision, low: Precision, k: Double) {
        self.high = high
        self.low = low
        self.k = k
    }
}

/// A strategy at work on one answer.
struct StrategyState {
    private enum Choice {
        case schedule(PrecisionSchedule)
        case pattern(example: Int, (Int, Int) -> Precision)
        case confidence(ConfidenceRule)
    }
    private let choice: Choice
    private var probabilities: [Double] = []
    private var threshold: Double?
    private var isDown = false

    /// - Parameter sequence: holds the prompt.
    init(
        _ strategy: DecodeStrategy, example: Int, _ engine: Engine, _ sequence: TokenSequence
    ) throws(TaperError) {
        switch strategy.rule {
        case .schedule(let schedule): choice = .schedule(schedule)
        case .pattern(let bits): choice = .pattern(example: example, bits)
        case .confidence(let rule): choice = .confidence(rule)
        case .afterPrefill(let decide): choice = .schedule(try decide(engine, sequence))
        }
    }

    func bits(atStep step: Int) -> Precision {
        switch choice {
        case .schedule(let schedule): schedule.bits(atStep: step)
        case .pattern(let example, let bits): bits(example, step)
        case .confidence(let rule): isDown ? rule.low : rule.high
        }
    }

    /// The schedule it follows, if it is one.
    var schedule: PrecisionSchedule? {
        if case .schedule(let schedule) = choice { return schedule }
        return nil
    }

    /// Whether it wants to hear of probabilities still.
    var observes: Bool {
        if case .confidence = choice { return !isDown }
        return false
    }

    /// The probability of the token that was just chosen, first to last.
    mutating func observe(_ probability: Double) {
        guard case .confidence(let rule) = choice, !isDown else { return }
        guard let threshold else {
            probabilities.append(probability)
            if probabilities.count == ConfidenceRule.observedCount {
                let count = Double(probabilities.count)
                let mean = probabilities.reduce(0, +) / count
                let variance = probabilities.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
                threshold = mean + rule.k * variance.squareRoot()
            }
            return
        }
        if probability > threshold { isDown = true }
    }
}
