import Evaluation
public import Scoring
public import Model
public import Storage

/// Scores and costs of one candidate schedule over the examples.
public struct CandidateResult: Sendable {
    public var schedule: PrecisionSchedule
    public var scores: MetricScores
    public var averageBits: Double
    /// Mean bytes of weights that its decode steps read.
    public var bytesPerToken: Double

    public init(schedule: PrecisionSchedule, scores: MetricScores, averageBits: Double, bytesPerToken: Double) {
        self.schedule = schedule
        self.scores = scores
        self.averageBits = averageBits
        self.bytesPerToken = bytesPerToken
    }

    /// The metric over all examples, on its own scale.
    public var score: Double { scores.value }
}

/// Phase-aware precision allocation and the static scheduler (Chen et al. 2025, sections 4.2 and 4.3), over any measure and
/// any number of precisions: the schedule that reads the fewest bytes and whose score is within a tolerance of q_ref.
///
/// 1. Prefill takes the highest precision. Every precision is scored by itself; decoding starts at p_high, the lowest one
///    that is within the tolerance: a constant lower precision that is good enough thus comes before any switch.
/// 2. Every precision below, in falling order, gets the earliest switch point of a grid over the new tokens whose score is
///    still within the tolerance; a precision that fits nowhere ends the search. Scores are close to monotone in the switch
///    point, so the grid is bisected, three points at a time, instead of tried.
/// 3. A precision that alone scores less than half of the reference (`TaskMetric.isBroken`) is broken rather than cheap, and
///    is left out however late its switch would come.
public struct ScheduleSearch {
    /// Ascending; rungs are precisions like others.
    public var precisions: [Precision]
    public var prefill: Precision
    public var maxNewTokens: Int
    /// Loss that is allowed, as a share of the metric's scale (`TaskMetric.scale`).
    public var tolerance: Double
    /// q_ref, on the metric's scale; nil: the score of the highest precision.
    public var referenceScore: Double?
    /// Steps of the grid: N / gridSize apart, at least one.
    public var gridSize: Int

    /// - Parameter prefill: nil for the highest precision.
    public init(
        precisions: [Precision], prefill: Precision? = nil, maxNewTokens: Int, tolerance: Double,
        referenceScore: Double? = nil, gridSize: Int = 16
    ) {
        precondition(gridSize >= 1, "a grid has steps")
        self.precisions = precisions.sorted()
        self.prefill = prefill ?? precisions.max() ?? 0
        self.maxNewTokens = maxNewTokens
        self.tolerance = tolerance
        self.referenceScore = referenceScore
        self.gridSize = min(gridSize, max(1, maxNewTokens))
    }

    public struct Outcome: Sendable {
        public var chosen: CandidateResult
        /// Constant precision of the highest bits.
        public var reference: CandidateResult
        /// q_ref, on the metric's scale.
        public var referenceScore: Double
        public var decodeHigh: Precision
        /// Everything that was measured, in that order.
        public var candidates: [CandidateResult]
        /// Schedules of a full grid: what the search spares.
        public var fullGridCount: Int
        /// Whether the chosen one is within the tolerance: the highest precision is chosen even if it is not.
        public var isWithinTolerance: Bool
    }

    /// Non-increasing schedules over the grid: C(grid + precisions - 1, precisions - 1); at most 2^40.
    public var fullGridCount: Int {
        var count = 1
        for step in stride(from: 1, to: precisions.count, by: 1) {
            count = count * (gridSize + step) / step
            if count > 1 << 40 { return 1 << 40 }
        }
        return count
    }

    private func point(_ index: Int) -> Int { maxNewTokens * index / gridSize }

    /// - Parameter measure: scores several schedules on all examples; called a few times.
    public func run(
        measure: ([PrecisionSchedule]) throws(TaperError) -> [CandidateResult]
    ) throws(TaperError) -> Outcome {
        // Constant precisions, high to low.
        let constants = try measure(precisions.reversed().map { PrecisionSchedule.constant($0, prefillBits: prefill) })
        guard let reference = constants.first, let highest = precisions.last else {
            throw TaperError(.usage, "there are no precisions to choose from")
        }
        let metric = reference.scores.metric
        let referenceScore = referenceScore ?? reference.score
        let bound = metric.gain(referenceScore) - tolerance
        func fits(_ result: CandidateResult) -> Bool { result.scores.gain >= bound }
        func isBroken(_ result: CandidateResult) -> Bool {
            metric.isBroken(result.score, comparedWith: referenceScore)
        }
        var all = constants
        var chosen = constants.last { fits($0) && !isBroken($0) } ?? reference
        let high = chosen.schedule.steps.first?.bits ?? highest
        for (bits, constant) in zip(precisions.reversed(), constants) where bits < high {
            guard fits(chosen), !isBroken(constant) else { break }
            guard let next = try earliest(bits, after: chosen, fits: fits, measured: &all, measure: measure) else {
                break
            }
            chosen = next
        }
        // Bytes decide, and bits only where bytes are equal.
        for candidate in all where fits(candidate) && !isBroken(candidate) {
            guard constants.contains(where: { $0.schedule == candidate.schedule }) else { continue }
            if candidate.bytesPerToken < chosen.bytesPerToken { chosen = candidate }
        }
        return Outcome(
            chosen: chosen, reference: reference, referenceScore: referenceScore, decodeHigh: high, candidates: all,
            fullGridCount: fullGridCount, isWithinTolerance: fits(chosen))
    }

    /// The earliest switch from a schedule's last precision to a lower one that fits; nil when none does.
    ///
    /// A point counts only when every later one that was measured fits as well: a lucky early point among bad ones is noise.
    private func earliest(
        _ bits: Precision, after schedule: CandidateResult, fits: (CandidateResult) -> Bool,
        measured: inout [CandidateResult], measure: ([PrecisionSchedule]) throws(TaperError) -> [CandidateResult]
    ) throws(TaperError) -> CandidateResult? {
        let steps = schedule.schedule.steps
        let start = steps.last?.fromStep ?? 0
        // Points up to `low` are too early, or no points at all; from `high` on everything fits, at the end as no switch.
        var low = (0..<gridSize).last { point($0) <= start } ?? 0
        var high = gridSize
        var best: CandidateResult?
        while high - low > 1 {
            let inner = high - low - 1
            let count = min(3, inner)
            let indices = (1...count).map { low + $0 * (inner + 1) / (count + 1) }
            var schedules: [PrecisionSchedule] = []
            for index in indices.reversed() {
                schedules.append(
                    try PrecisionSchedule(
                        prefillBits: prefill, steps: steps + [.init(fromStep: point(index), bits: bits)],
                        place: "search"))
            }
            let results = try measure(schedules)
            measured += results
            for (index, result) in zip(indices.reversed(), results) {
                guard fits(result) else {
                    low = index
                    break
                }
                high = index
                best = result
            }
        }
        return best
    }
}
