public import Evaluation
public import Model
public import Runtime
public import Storage

/// One way to spend bits on the answers of a task, for a comparison of several.
public struct ExperimentMethod {
    public enum Kind: String, Sendable, CaseIterable {
        /// The float model itself.
        case full
        /// The same precision at every decode step, after a prefill at the high one; rungs are constants too.
        case constant
        /// Prefill below the high precision.
        case prefill = "low prefill"
        /// Placements of the same number of high-precision steps; only for experiments.
        case pattern
        /// Switch points that nobody calibrated.
        case fixed
        /// Switch points calibrated for a task.
        case calibrated = "static"
        /// Switch points decided per prompt.
        case learned
        /// Switch points drawn at random.
        case random
        case confidence
        /// The bits of another method, low first.
        case reversed
        /// The bits of another method in an order dealt at random.
        case shuffled
        /// Low bits, and high ones where they are unsure (`AdaptiveRule`).
        case adaptive
        /// A constant drafted ahead at lower bits: its own text.
        case speculation
        /// Dense-and-sparse decomposition.
        case denseSparse = "dense and sparse"

        /// Those that a comparison may do without. Controls come with what they control.
        public static let optional: [Kind] = [
            .prefill, .pattern, .fixed, .calibrated, .learned, .confidence, .adaptive, .speculation, .denseSparse,
        ]
    }
    public let label: String
    public let kind: Kind
    /// nil for what no bundle decodes, and for what decodes by itself.
    public let strategy: DecodeStrategy?
    /// Of a method whose answers are written one by one, as the runner writes them: what precision a step has, and what it reads, is
    /// then told by the generation itself.
    public let scheduler: DecodeScheduler?
    /// Precision that drafts such a method's tokens ahead; nil: nothing is drafted.
    public let draftBits: Precision?

    public init(_ label: String, _ kind: Kind, _ strategy: DecodeStrategy?) {
        self.label = label
        self.kind = kind
        self.strategy = strategy
        scheduler = nil
        draftBits = nil
    }

    public init(_ label: String, _ kind: Kind, generating scheduler: DecodeScheduler, draftBits: Precision? = nil) {
        self.label = label
        self.kind = kind
        strategy = nil
        self.scheduler = scheduler
        self.draftBits = draftBits
    }

    /// Precision that reads prompts.
    public var prefillBits: Precision? { strategy?.prefillBits ?? scheduler?.prefillBits }
}

/// Precisions and lengths that the methods of one experiment share.
public struct ExperimentFrame {
    public let high: Precision
    public let low: Precision
    public let prefill: Precision
    public let maxNewTokens: Int
    /// Precisions of the bundle that may be decoded with, ascending, rungs included.
    public let served: [Precision]

    /// - Throws: `usage` when a precision is not served, or high does not exceed low.
    public init(
        high: Precision, low: Precision, prefill: Precision, maxNewTokens: Int, served: [Precision]
    ) throws(TaperError) {
        let place = field("high") + ", " + field("low") + ", " + field("bits_prefill")
        for bits in [high, low, prefill] { try bits.check(served: served, place: place) }
        guard high > low, maxNewTokens >= 1 else {
            throw TaperError(
                .usage, "the high precision must exceed the low one", at: "\(field("high")), \(field("low"))",
                found: "\(high.text) and \(low.text)")
        }
        self.high = high
        self.low = low
        self.prefill = prefill
        self.maxNewTokens = maxNewTokens
        self.served = served
    }

    /// Precisions from low to high, ascending.
    public var between: [Precision] { served.filter { $0 >= low && $0 <= high } }

    /// High until a decode step, then low.
    public func stepDown(at point: Int) throws(TaperError) -> PrecisionSchedule {
        if point <= 0 { return .constant(low, prefillBits: prefill) }
        if point >= maxNewTokens { return .constant(high, prefillBits: prefill) }
        return try PrecisionSchedule(
            prefillBits: prefill, steps: [.init(fromStep: 0, bits: high), .init(fromStep: point, bits: low)],
            place: "experiment")
    }

    /// The switch points among which the learned scheduler of the paper chooses: 0, N/3, 2N/3 and N.
    public var classes: [Int] { (0...3).map { maxNewTokens * $0 / 3 } }

    /// Baselines and constants. What is compared with comes first: Baseline-H, then Baseline-L.
    public func constants() -> [ExperimentMethod] {
        func constant(_ label: String, _ bits: Precision) -> ExperimentMethod {
            ExperimentMethod(label, .constant, DecodeStrategy(.constant(bits, prefillBits: prefill)))
        }
        var methods = [
            constant("Baseline-H: \(high.label)", high), constant("Baseline-L: \(low.label)", low),
        ]
        for bits in served.reversed() where bits < high && bits != low {
            methods.append(constant("constant \(bits.label)", bits))
        }
        return methods
    }

    /// What a prefill at the low precision costs, with either decode precision.
    public func lowPrefills() -> [ExperimentMethod] {
        [low, high].map { bits in
            ExperimentMethod(
                "prefill \(low.text), decode \(bits.text)", .prefill,
                DecodeStrategy(.constant(bits, prefillBits: low)))
        }
    }

    /// Placements of a share of high-precision steps in an answer of as many decode steps as the full-precision model's
    /// (`lengths`), which no scheduler knows: so all placements of half of the steps have equal bits.
    public func patterns(lengths: [Int]) -> [ExperimentMethod] {
        let (high, low) = (high, low)
        func pattern(
            _ label: String, _ isHigh: @escaping (_ step: Int, _ length: Int) -> Bool
        ) -> ExperimentMethod {
            let rule = DecodeStrategy.Rule.pattern { example, step in isHigh(step, lengths[example]) ? high : low }
            return ExperimentMethod(label, .pattern, DecodeStrategy(prefillBits: prefill, rule: rule))
        }
        return [
            pattern("first half") { step, length in step < (length + 1) / 2 },
            pattern("middle half") { step, length in
                let count = (length + 1) / 2
                let start = (length - count) / 2
                return step >= start && step < start + count
            },
            pattern("last half") { step, length in step >= length - (length + 1) / 2 },
            pattern("alternate") { step, _ in step % 2 == 0 },
            pattern("first quarter") { step, length in step < (length + 3) / 4 },
            pattern("first three quarters") { step, length in step < (3 * length + 3) / 4 },
        ]
    }

    /// Schedules that anybody can use: the classes of the learned scheduler, and all precisions in turn.
    public func fixedSchedules() throws(TaperError) -> [ExperimentMethod] {
        var schedules: [PrecisionSchedule] = []
        for point in classes where point > 0 && point < maxNewTokens { schedules.append(try stepDown(at: point)) }
        let all = between
        if all.count > 2 {
            var steps: [PrecisionSchedule.Step] = []
            for (order, bits) in all.reversed().enumerated() {
                let start = maxNewTokens * order / all.count
                if let last = steps.last, start <= last.fromStep { continue }
                steps.append(.init(fromStep: start, bits: bits))
            }
            schedules.append(try PrecisionSchedule(prefillBits: prefill, steps: steps, place: "experiment"))
        }
        return schedules.map { ExperimentMethod($0.text, .fixed, DecodeStrategy($0)) }
    }

    /// The high precision drafted ahead at lower ones.
    /// - Throws: `usage` for a precision that is not served, or not below the high one.
    public func drafts(_ precisions: [Precision]) throws(TaperError) -> [ExperimentMethod] {
        try precisions.map { bits throws(TaperError) in
            try bits.check(served: served, place: field("draft_bits"))
            guard bits < high else {
                throw TaperError(
                    .usage, "drafts need fewer bits than what verifies them", at: field("draft_bits"),
                    expected: "less than \(high.text)", found: bits.text)
            }
            return ExperimentMethod(
                "speculation: \(high.text) verifies \(bits.text)", .speculation,
                generating: .fixed(.constant(high, prefillBits: prefill)), draftBits: bits)
        }
    }

    /// Low bits, and the high ones wherever the likeliest token is ahead by less than a margin, in nats: nobody calibrated these.
    public func adaptive(margins: [Double]) -> [ExperimentMethod] {
        margins.map { margin in
            ExperimentMethod(
                "by need, \(low.text) to \(high.text), margin \(shortest(margin))", .adaptive,
                generating: .adaptive(
                    AdaptiveRule(
                        low: low, high: high, prefill: prefill, rescue: served.last ?? high, margin: Float(margin),
                        tolerance: 0)))
        }
    }

    public func confidence(_ ks: [Double]) -> [ExperimentMethod] {
        ks.map { k in
            let rule = ConfidenceRule(high: high, low: low, k: k)
            return ExperimentMethod(
                "confidence, k = \(shortest(k))", .confidence,
                DecodeStrategy(prefillBits: prefill, rule: .confidence(rule)))
        }
    }
}
