import Bundle
public import Storage

/// What one prompt gave for every class of a pair, from no high-precision steps to all.
public struct SwitchOutcome: Sendable {
    /// [classes]: likeness to the full-precision output, 0...1.
    public var scores: [Double]
    /// [classes]: average bits of the decode steps taken.
    public var bits: [Double]

    public init(scores: [Double], bits: [Double]) {
        self.scores = scores
        self.bits = bits
    }

    /// The least number of high-precision steps with a score of at least always-high's, to three decimals.
    public var label: Int {
        let thousandths = scores.map { Int(($0 * 1000).rounded()) }
        return thousandths.firstIndex { $0 >= (thousandths.last ?? 0) } ?? scores.count - 1
    }
}

/// Bits and quality of ways to choose among the classes, over the same prompts.
public struct SwitchEvidence: Sendable {
    public struct Row: Sendable {
        public var name: String
        public var bits: Double
        public var score: Double
        /// Mean difference of the score to always-high, and its standard error over prompts.
        public var difference: Double
        public var standardError: Double
        /// Against the best possible choice: more bits, and less score.
        public var regretBits: Double
        public var regretScore: Double
    }

    public var rows: [Row]
    /// Share of prompts whose likeliest class was the label.
    public var accuracy: Double
    /// Of always choosing the most frequent class.
    public var priorAccuracy: Double

    /// Random choices are taken at their expected values: "prior" by the frequencies of the labels, "same at random" by those
    /// of the choices, which tells what the classifier knows of the single prompt.
    ///
    /// - Parameters:
    ///   - chosen: the class for every outcome, by a classifier that has not seen it.
    ///   - likeliest: the same without regard to what a wrong choice costs.
    ///   - prior: frequencies of the labels.
    public init(_ outcomes: [SwitchOutcome], chosen: [Int], likeliest: [Int], prior: [Double]) {
        let count = Double(max(outcomes.count, 1))
        let labels = outcomes.map(\.label)
        let last = ClassifierShape.classCount - 1
        // Shares of every class, per prompt.
        func fixed(_ index: Int) -> [Double] { (0...last).map { $0 == index ? 1 : 0 } }
        let policies: [(String, (Int) -> [Double])] = [
            ("always high", { _ in fixed(last) }), ("always low", { _ in fixed(0) }), ("prior", { _ in prior }),
            ("likeliest class", { fixed(likeliest[$0]) }), ("learned", { fixed(chosen[$0]) }),
            ("same at random", { _ in SwitchTrainer.prior(chosen) }), ("best possible", { fixed(labels[$0]) }),
        ]
        func mean(_ values: [Double], _ shares: [Double]) -> Double {
            zip(values, shares).reduce(0) { $0 + $1.0 * $1.1 }
        }
        rows = policies.map { name, shares in
            var row = Row(
                name: name, bits: 0, score: 0, difference: 0, standardError: 0, regretBits: 0, regretScore: 0)
            var differences: [Double] = []
            for (index, outcome) in outcomes.enumerated() {
                let bits = mean(outcome.bits, shares(index))
                let score = mean(outcome.scores, shares(index))
                row.bits += bits / count
                row.score += score / count
                row.regretBits += (bits - outcome.bits[labels[index]]) / count
                row.regretScore += (outcome.scores[labels[index]] - score) / count
                differences.append(score - outcome.scores[last])
            }
            row.difference = differences.reduce(0, +) / count
            let squares = differences.reduce(0) { $0 + ($1 - row.difference) * ($1 - row.difference) }
            row.standardError = differences.count < 2 ? 0 : (squares / (count - 1) / count).squareRoot()
            return row
        }
        accuracy = Double(zip(labels, likeliest).count { $0 == $1 }) / count
        priorAccuracy = prior.max() ?? 0
    }

    public var json: JSONValue {
        func number(_ value: Double) -> JSONValue { .number(parseDouble(Storage.fixed(value, 6)) ?? value) }
        return .array(
            rows.map { row in
                .object([
                    .init("choice", .string(row.name)), .init("average_bits", number(row.bits)),
                    .init("rouge_l_to_full", number(row.score)), .init("difference", number(row.difference)),
                    .init("standard_error", number(row.standardError)),
                    .init("regret_bits", number(row.regretBits)), .init("regret_rouge_l", number(row.regretScore)),
                ])
            })
    }
}
