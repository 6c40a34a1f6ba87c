public import Evaluation
public import Model
public import Runtime
public import Storage

/// Scores of one candidate schedule over the examples.
public struct CandidateResult: Sendable {
    public var schedule: PrecisionSchedule
    public var scores: MetricScores
    public var averageBits: Double

    public init(schedule: PrecisionSchedule, scores: MetricScores, averageBits: Double) {
        self.schedule = schedule
        self.scores = scores
        self.averageBits = averageBits
    }

    /// The metric over all examples, on its own scale.
    public var score: Double { scores.value }
}

/// Phase-aware precision allocation and the static scheduler (Chen et al. 2025, sections 4.2 and 4.3), over any measure.
///
/// 1. Prefill takes the highest precision. The decode start is the lowest precision whose constant score is within
///    `tolerance` of the reference score.
/// 2. Every lower precision, in falling order, gets the earliest switch point of a grid over the new tokens whose score
///    is still within the tolerance; a precision that fits nowhere ends the search. A precision that alone scores less
///    than half of the reference (`TaskMetric.isBroken`) is broken rather than cheap, and is left out however late its switch would come.
public struct ScheduleSearch {
    public var precisions: [Precision]
    public var maxNewTokens: Int
    /// Loss that is allowed, as a share of the metric's scale (`TaskMetric.scale`).
    public var tolerance: Double
    /// Steps of the grid: N / gridSize apart.
    public var gridSize: Int

    public init(precisions: [Precision], maxNewTokens: Int, tolerance: Double, gridSize: Int = 6) {
        self.precisions = precisions
        self.maxNewTokens = maxNewTokens
        self.tolerance = tolerance
        self.gridSize = gridSize
    }

    public struct Outcome: Sendable {
        public var chosen: CandidateResult
        /// Constant precision of the highest bits: what everything is compared with.
        public var reference: CandidateResult
        public var decodeHigh: Precision
        public var candidates: [CandidateResult]
    }

    /// - Parameter measure: scores several schedules on all examples; called a few times.
    public func run(
        measure: ([PrecisionSchedule]) throws(TaperError) -> [CandidateResult]
    ) throws(TaperError) -> Outcome {
        guard let highest = precisions.last else { throw TaperError(.usage, "there are no precisions to choose from") }
        // Constant precisions, high to low.
        let constants = try measure(precisions.reversed().map { PrecisionSchedule.constant($0, prefillBits: highest) })
        guard let reference = constants.first else { throw TaperError(.internalFault, "nothing was measured") }
        let bound = reference.scores.gain - tolerance
        var all = constants
        var high = highest
        for (bits, result) in zip(precisions.reversed(), constants) {
            guard result.scores.gain >= bound else { break }
            high = bits
        }
        guard var chosen = constants.first(where: { $0.schedule.steps.first?.bits == high }) else {
            throw TaperError(.internalFault, "the chosen precision was not measured")
        }
        var steps = chosen.schedule.steps
        for (bits, constant) in zip(precisions.reversed(), constants) where bits < high {
            guard !constant.scores.metric.isBroken(constant.score, comparedWith: reference.score) else { break }
            let start = steps.last?.fromStep ?? 0
            // Late switches first: they share most with what was decoded before.
            var points: [Int] = []
            for index in stride(from: gridSize - 1, through: 0, by: -1) {
                let point = maxNewTokens * index / gridSize
                if point > start || (point == 0 && steps.count == 1 && start == 0) { points.append(point) }
            }
            var schedules: [PrecisionSchedule] = []
            for point in points {
                let tail = PrecisionSchedule.Step(fromStep: point, bits: bits)
                let next = point == 0 ? [tail] : steps + [tail]
                schedules.append(try PrecisionSchedule(prefillBits: highest, steps: next, place: "search"))
            }
            if schedules.isEmpty { break }
            let results = try measure([chosen.schedule] + schedules).dropFirst()
            all += results
            // The earliest point such that it and every later one are within the tolerance: scores are close to
            // monotone in the switch point, and a lucky early point among bad ones is noise.
            var best: CandidateResult?
            for result in results {
                guard result.scores.gain >= bound else { break }
                best = result
            }
            guard let best else { break }
            chosen = best
            steps = best.schedule.steps
        }
        return Outcome(chosen: chosen, reference: reference, decodeHigh: high, candidates: all)
    }
}
