public import Model
public import Storage

/// Which precision memory allows: a function of what precisions need and what is left, with a memory of its own so that it does not
/// go back and forth.
///
/// Down at once, as far as it takes. Up one precision at a time, when it has fitted with a margin for some looks in a row, and while
/// nobody waits for memory.
public struct CeilingPolicy: Sendable {
    public struct Level: Equatable, Sendable {
        public let bits: Precision
        /// Of the weights that have to be in memory.
        public let byteCount: Int

        public init(bits: Precision, byteCount: Int) {
            self.bits = bits
            self.byteCount = byteCount
        }
    }

    public enum Decision: Equatable, Sendable {
        case stay
        /// To this level, now.
        case lower(Int)
        /// To this level once its weights have been read; `finishRising` says so.
        case rise(Int)
        /// It does not fit any more.
        case abandon
    }

    /// Share of a level's need that has to be left beyond it before it is risen to.
    public static let margin = 0.03
    /// Looks in a row at which it has to fit.
    public static let looksToRise = 3
    /// Percent of the last ten seconds: of more some task or all tasks wait too much, and precision falls.
    static let strained = (some: 20.0, all: 5.0)
    /// Of less they do not wait.
    static let calm = (some: 2.0, all: 0.5)
    /// Before another fall shows in an average of ten seconds.
    static let secondsBetweenFalls = 2.0
    /// Before a rise after such a fall.
    static let secondsOfCalm = 10.0

    /// Ascending in bits; not empty.
    public let levels: [Level]
    public private(set) var index: Int
    /// The level whose weights are being read.
    public private(set) var rising: Int?
    /// Whether the lowest needs more than there is.
    public private(set) var isShort = false
    private var fittingLooks = 0
    private var lastFall: Double?

    /// Begins at the highest level that fits.
    /// - Parameter others: bytes that are held beside the weights.
    public init(_ levels: [Level], limit: Int?, others: Int) {
        precondition(!levels.isEmpty, "a model has a precision")
        self.levels = levels
        index = levels.count - 1
        if let limit {
            index = levels.lastIndex { $0.byteCount + others <= limit } ?? 0
            isShort = levels[index].byteCount + others > limit
        }
    }

    public var allowed: Precision { levels[index].bits }

    /// - Parameters:
    ///   - others: bytes that are held beside the weights of the level at hand, or of the one that is being risen to.
    ///   - now: seconds on any clock that only rises.
    public mutating func update(_ reading: MemoryReading, others: Int, now: Double) -> Decision {
        func fits(_ level: Int, margin: Double = 0) -> Bool {
            guard let limit = reading.limit else { return true }
            let need = levels[level].byteCount
            return need + Int(Double(need) * margin) + others <= limit
        }
        isShort = !fits(0)
        if !fits(index), index > 0 {
            let lower = levels[..<index].indices.last { fits($0) } ?? 0
            return fall(to: lower)
        }
        let isStrained =
            reading.someStalled >= CeilingPolicy.strained.some || reading.allStalled >= CeilingPolicy.strained.all
        if isStrained {
            fittingLooks = 0
            let isNew = lastFall.map { now - $0 >= CeilingPolicy.secondsBetweenFalls } ?? true
            if isNew && index > 0 {
                lastFall = now
                return fall(to: index - 1)
            }
        }
        if let next = rising {
            if !isStrained && fits(next) { return .stay }
            rising = nil
            fittingLooks = 0
            return .abandon
        }
        let isCalm =
            reading.someStalled <= CeilingPolicy.calm.some && reading.allStalled <= CeilingPolicy.calm.all
            && (lastFall.map { now - $0 >= CeilingPolicy.secondsOfCalm } ?? true)
        guard isCalm, let next = levels.indices.first(where: { $0 > index && fits($0, margin: CeilingPolicy.margin) })
        else {
            fittingLooks = 0
            return .stay
        }
        fittingLooks += 1
        guard fittingLooks >= CeilingPolicy.looksToRise else { return .stay }
        fittingLooks = 0
        rising = next
        return .rise(next)
    }

    private mutating func fall(to level: Int) -> Decision {
        index = level
        rising = nil
        fittingLooks = 0
        return .lower(level)
    }

    /// The weights of the level that is risen to are there.
    public mutating func finishRising() {
        if let rising { index = rising }
        rising = nil
    }
}
