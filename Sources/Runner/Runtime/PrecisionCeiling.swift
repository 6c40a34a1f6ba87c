public import Model
public import Storage

/// The highest precision that memory allows, while a text is being written.
///
/// Plans take the lesser of it and of what their schedule says. Whoever runs them calls `refresh` between steps: the pages of planes
/// above the ceiling are given back, and read again before it rises. One thread calls.
public final class PrecisionCeiling {
    /// A ceiling that held from a step on.
    public struct Change: Sendable {
        /// Decode steps that had been taken; 0 before the first, so while the prompt is read, too.
        public let fromStep: Int
        public let bits: Precision
        /// nil while nobody said.
        public let limit: Int?
        /// Bytes that the process needs at this precision: weights, and all that it held beside them then.
        public let neededBytes: Int
        /// The most that was resident at a look while it held; 0 where nobody looked.
        public internal(set) var residentBytes = 0
        /// Giving back, or reading ahead: in all, and the longest that a step waited for it.
        public let seconds: Double
        public let longestSeconds: Double
        /// Of the first step after it, and of all others while it held.
        public internal(set) var firstStepSeconds = 0.0
        public internal(set) var laterStepsSeconds = 0.0
        public internal(set) var stepCount = 0
    }

    private let engine: Engine
    /// What is scheduled and drafted at.
    private let scheduled: [Precision]
    private let draft: Precision?
    private let reading: () -> MemoryReading
    private let clock: () -> Double
    private let interval: Double
    private var policy: CeilingPolicy
    private var nextLook = 0.0
    /// When the last look ended, which is when the step after it began, and its number.
    private var stepBegin: (step: Int, seconds: Double)?
    private var ahead: ReadAhead?
    private var aheadSeconds = (all: 0.0, longest: 0.0)
    /// Bytes of files beside the weights, and of buffers that no step has touched yet.
    private let otherFileBytes: Int
    private var plannedBytes: Int
    /// Bytes of each level's weights with those of lower scheduled precisions.
    public var levels: [CeilingPolicy.Level] { policy.levels }
    /// What was read last.
    public private(set) var latest: MemoryReading
    /// The first is where it began.
    public private(set) var changes: [Change] = []
    /// Looking, giving back and reading ahead.
    public private(set) var seconds = 0.0
    public private(set) var lookCount = 0

    /// Between two looks: a few steps of a large model, and a thousand times what a look takes.
    public static let usualInterval = 0.1
    /// That reading ahead may take of a step.
    private static let secondsAhead = 0.01

    /// - Parameters:
    ///   - scheduled: precisions that prompts are read and steps are taken at.
    ///   - draft: of drafts, if there are any.
    ///   - fits: begin where the cache of a full context fits as well, and go no higher.
    ///   - interval: seconds between two looks; infinite for the one at the beginning.
    ///   - reading: what memory there is.
    /// - Throws: `usage` when the lowest precision does not fit.
    public init(
        _ engine: Engine, scheduled: [Precision], draft: Precision? = nil, fits: Bool = false,
        interval: Double = PrecisionCeiling.usualInterval, clock: @escaping () -> Double = { monotonicSeconds() },
        reading: @escaping () -> MemoryReading
    ) throws(TaperError) {
        self.engine = engine
        self.scheduled = scheduled
        self.draft = draft
        self.reading = reading
        self.clock = clock
        self.interval = interval
        // Loading has looked at scales all over the file.
        engine.keepOnly([])
        latest = reading()
        otherFileBytes = latest.fileBytes
        plannedBytes = latest.ownBytes + engine.scratchBytes
        let reserve = fits ? engine.cacheBytesPerToken * engine.contextLength : 0
        let top = scheduled.max() ?? .highest
        var levels: [CeilingPolicy.Level] = []
        let served = engine.weights.served
        for bits in served where bits <= top || bits == served.first {
            let set = PrecisionCeiling.held(at: bits, scheduled, draft)
            levels.append(CeilingPolicy.Level(bits: bits, byteCount: engine.residentBytes(set)))
        }
        let others = otherFileBytes + plannedBytes + reserve
        policy = CeilingPolicy(levels, limit: latest.limit, others: others)
        if policy.isShort {
            throw TaperError(
                .usage, "the lowest precision needs more memory", at: field("memory_limit"),
                expected: "at least " + byteText(levels[0].byteCount + others)
                    + (fits ? " with a full context" : ""),
                found: byteText(latest.limit ?? 0),
                remedy: fits ? "A smaller " + field("context_length") + " needs less" : "")
        }
        if fits { policy = CeilingPolicy(Array(levels[...policy.index]), limit: latest.limit, others: others) }
        engine.keepOnly(held(at: allowed))
        nextLook = clock() + interval
        changes.append(
            Change(
                fromStep: 0, bits: allowed, limit: latest.limit,
                neededBytes: policy.levels[policy.index].byteCount + others, seconds: 0, longestSeconds: 0))
    }

    public var allowed: Precision { policy.allowed }
    /// Whether the lowest precision needs more than there is: then it is used all the same.
    public var isShort: Bool { policy.isShort }

    /// The lesser of a precision and the ceiling.
    public func capped(_ bits: Precision) -> Precision { min(bits, allowed) }

    /// What is in memory under a ceiling: every precision that steps may be taken at.
    private static func held(at ceiling: Precision, _ scheduled: [Precision], _ draft: Precision?) -> [Precision] {
        var held: [Precision] = []
        for bits in scheduled + (draft.map { [$0] } ?? []) where !held.contains(min(bits, ceiling)) {
            held.append(min(bits, ceiling))
        }
        return held
    }
    private func held(at ceiling: Precision) -> [Precision] { PrecisionCeiling.held(at: ceiling, scheduled, draft) }

    /// Looks at what memory there is, where it is time to, and follows. Nothing that was planned before may be under way.
    /// - Parameters:
    ///   - step: decode steps taken; nil while the prompt is being read.
    ///   - wanted: the highest precision that the schedule has from here on.
    public func refresh(step: Int?, wanted: Precision) {
        let start = clock()
        countStep(step, now: start)
        defer {
            let end = clock()
            seconds += end - start
            stepBegin = step.map { ($0, end) }
        }
        if ahead != nil { proceed(step ?? 0) }
        guard clock() >= nextLook else { return }
        nextLook = clock() + interval
        lookCount += 1
        latest = reading()
        if step != nil { plannedBytes = 0 }
        changes[changes.count - 1].residentBytes = max(changes[changes.count - 1].residentBytes, latest.residentBytes)
        switch policy.update(latest, others: others, now: start) {
        case .stay: break
        case .lower:
            let begin = clock()
            ahead = nil
            engine.keepOnly(held(at: allowed))
            let taken = clock() - begin
            latest = reading()
            note(step ?? 0, seconds: (taken, taken))
            changes[changes.count - 1].residentBytes = latest.residentBytes
        case .rise(let level):
            let next = policy.levels[level].bits
            // What the schedule has left behind needs not be read for a ceiling above it.
            let isNeeded = min(wanted, next) > min(wanted, allowed)
            ahead = ReadAhead(isNeeded ? [min(wanted, next)] : [], engine)
            aheadSeconds = (0, 0)
            proceed(step ?? 0)
        case .abandon:
            ahead = nil
            engine.keepOnly(held(at: allowed))
        }
    }

    private func countStep(_ step: Int?, now: Double) {
        guard let step, let begin = stepBegin, step > begin.step else { return }
        let last = changes.count - 1
        if changes[last].stepCount == 0 {
            changes[last].firstStepSeconds = now - begin.seconds
        } else {
            changes[last].laterStepsSeconds += now - begin.seconds
        }
        changes[last].stepCount += 1
    }

    private func proceed(_ step: Int) {
        let start = clock()
        let isDone = ahead?.proceed(engine, seconds: PrecisionCeiling.secondsAhead, clock: clock) ?? true
        let taken = clock() - start
        aheadSeconds = (aheadSeconds.all + taken, max(aheadSeconds.longest, taken))
        guard isDone else { return }
        ahead = nil
        policy.finishRising()
        engine.keepOnly(held(at: allowed))
        note(step, seconds: aheadSeconds)
    }

    /// Bytes held beside the weights that the ceiling allows, or is going to.
    private var others: Int {
        let weights = policy.levels[policy.rising ?? policy.index].byteCount
        return max(latest.ownBytes, plannedBytes) + max(otherFileBytes, latest.fileBytes - weights)
    }

    private func note(_ step: Int, seconds: (all: Double, longest: Double)) {
        changes.append(
            Change(
                fromStep: step, bits: allowed, limit: latest.limit,
                neededBytes: policy.levels[policy.index].byteCount + others, seconds: seconds.all,
                longestSeconds: seconds.longest))
    }
}
