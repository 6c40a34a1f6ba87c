public import Storage

/// What answers are scored by. Names are those of the command line, recipes and schedules.
public enum TaskMetric: String, Sendable, CaseIterable {
    /// ROUGE F-measures against the closest reference text, 0 to 1, as the `rouge_score` package computes them; with `-stem`
    /// words are stemmed first.
    case rouge1 = "rouge-1"
    case rouge1Stemmed = "rouge-1-stem"
    case rouge2 = "rouge-2"
    case rouge2Stemmed = "rouge-2-stem"
    case rougeL = "rouge-l"
    case rougeLStemmed = "rouge-l-stem"
    /// Corpus BLEU on 13a tokens without smoothing, 0 to 1. With one reference an example this is the formula of the `bleu`
    /// metric of Hugging Face's `evaluate`; of several references the closest length counts, as in Papineni et al. 2002.
    case bleu
    /// Corpus BLEU with exponential smoothing, 0 to 100, as the `sacrebleu` package computes it by default.
    case sacrebleu
    /// Share of answers, 0 to 1, whose last number is the reference's, exactly (`NumberAnswer`): problems with one right result.
    case exactNumber = "exact-number"
    /// Share of token positions, 0 to 1, at which the answer has the full-precision model's token.
    case agreement
    /// Mean KL divergence in nats of the next-token distributions from the full-precision model's, along that model's own
    /// answer; smaller is better.
    case kl
    /// BERTScore F1 by an encoder of the user's (`BERTScore`); compares with no figure of another encoder.
    case bertScore = "bertscore"
    /// Share of problems whose tests the answer passes, 0 to 1, one answer a problem (Chen et al. 2021, equation 1 with n = k = 1).
    case passAt1 = "pass@1"

    public init(name: String) throws(TaperError) {
        guard let metric = TaskMetric(rawValue: name) else {
            throw TaperError(.usage, "unknown metric", at: printable(name), expected: TaskMetric.names)
        }
        self = metric
    }

    public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Whether conversions calibrate tasks by it: all but what needs an encoder beside the bundle, or leave to run code.
    public var isForCalibration: Bool { self != .bertScore && self != .passAt1 }
    public static var calibrationNames: String {
        allCases.filter(\.isForCalibration).map(\.rawValue).joined(separator: ", ")
    }

    /// Compares texts, so that both references and another model's answers will do.
    public var comparesTexts: Bool {
        switch self {
        case .rouge1, .rouge1Stemmed, .rouge2, .rouge2Stemmed, .rougeL, .rougeLStemmed, .bleu, .sacrebleu, .bertScore,
            .exactNumber:
            true
        case .agreement, .kl, .passAt1: false
        }
    }

    /// Tells right answers from wrong ones, so that a right answer has a cost.
    public var countsRightAnswers: Bool { self == .passAt1 || self == .exactNumber }

    /// Compares with the full-precision model, and with nothing else.
    public var needsFullPrecision: Bool { self == .agreement || self == .kl }

    /// What a task is calibrated by where nobody says it: general text has no references, so its schedule is compared with
    /// the full-precision model, or without one with the highest precision.
    public static func standard(general: Bool, hasReference: Bool) -> TaskMetric {
        general ? (hasReference ? .kl : .agreement) : .rougeL
    }

    public var isSmallerBetter: Bool { self == .kl }

    /// Name with range and direction, for reports.
    public var title: String {
        switch self {
        case .sacrebleu: "sacrebleu (0 to 100)"
        case .kl: "kl (nats, smaller is better)"
        default: rawValue + " (0 to 1)"
        }
    }

    /// How a figure against the examples' references was made, for metrics that have a custom of saying so.
    /// - Parameter referenceCounts: of every example.
    public func signature(referenceCounts: [Int]) -> String? {
        self == .sacrebleu ? BLEUCounts.signature(referenceCounts: referenceCounts) : nil
    }

    /// Difference that counts as the whole: tolerances are shares of it. Nats of `kl` count as they are.
    public var scale: Double { self == .sacrebleu ? 100 : 1 }

    /// A number that is larger for better scores and grows by one over the scale.
    public func gain(_ score: Double) -> Double { (isSmallerBetter ? -score : score) / scale }

    /// Whether `score` is so far below `reference` that the model is broken rather than cheap: less than half of it, and for
    /// divergences less than half of the likeness exp(-KL).
    public func isBroken(_ score: Double, comparedWith reference: Double) -> Bool {
        isSmallerBetter ? exponential(reference - score) < 0.5 : score < reference / 2
    }

    /// What one answer contributes.
    ///
    /// - Precondition: `comparesTexts`, and an encoder for `bertScore`; the other metrics need more than the text.
    public func tally(answer: String, references: [String], encoder: BERTScore? = nil) -> MetricTally {
        func rouge(_ kind: RougeScore.Kind, stemming: Bool = false) -> MetricTally {
            MetricTally(
                score: RougeScore.best(kind, references: references, prediction: answer, stemming: stemming))
        }
        switch self {
        case .rouge1: return rouge(.grams(1))
        case .rouge1Stemmed: return rouge(.grams(1), stemming: true)
        case .rouge2: return rouge(.grams(2))
        case .rouge2Stemmed: return rouge(.grams(2), stemming: true)
        case .rougeL: return rouge(.subsequence)
        case .rougeLStemmed: return rouge(.subsequence, stemming: true)
        case .bleu:
            let counts = BLEUCounts(answer: answer, references: references)
            return MetricTally(score: counts.score(.none, effectiveOrder: true) / 100, counts: counts)
        case .sacrebleu:
            let counts = BLEUCounts(answer: answer, references: references)
            return MetricTally(score: counts.score(.exponential, effectiveOrder: true), counts: counts)
        case .bertScore:
            guard let encoder else { preconditionFailure("BERTScore needs an encoder") }
            return MetricTally(score: encoder.score(answer: answer, references: references))
        case .exactNumber:
            let number = NumberAnswer(answer)
            return MetricTally(score: number != nil && references.contains { NumberAnswer($0) == number } ? 1 : 0)
        case .agreement, .kl, .passAt1: preconditionFailure("the metric compares no texts")
        }
    }

    /// The metric over several examples; zero of none. `counts` are the sums of corpus metrics, `sum` that of all scores.
    func value(sum: Double, counts: BLEUCounts, exampleCount: Int) -> Double {
        switch self {
        case .bleu: counts.score(.none) / 100
        case .sacrebleu: counts.score(.exponential)
        default: exampleCount == 0 ? 0 : sum / Double(exampleCount)
        }
    }
}
