import Evaluation
import Scoring
import Model
import Storage

/// The tables of an experiment, as rows of text: for Markdown and for terminals.
public struct ExperimentReport {
    let result: ExperimentResult

    public init(_ result: ExperimentResult) { self.result = result }

    /// Shares as hundredths, nats as they are.
    private func text(_ value: Double, _ scores: MetricScores, sign: Bool = false) -> String {
        let scaled = scores.metric == .kl || scores.metric.scale != 1 ? value : 100 * value
        let body = fixed(scaled, scores.metric == .kl ? 3 : 1)
        return sign && value > 0 ? "+" + body : body
    }

    private func text(_ scores: MetricScores) -> String {
        guard let estimate = scores.estimate() else { return "-" }
        return text(estimate.value, scores) + " (" + text(estimate.interval.lowerBound, scores) + " to "
            + text(estimate.interval.upperBound, scores) + ")"
    }

    func text(_ difference: MeasuredDifference?, _ scores: MetricScores) -> String {
        guard let difference else { return "-" }
        let estimate = difference.estimate
        let mark = difference.verdict == .better ? " better" : difference.verdict == .worse ? " worse" : ""
        return text(estimate.value, scores, sign: true) + " (" + text(estimate.interval.lowerBound, scores, sign: true)
            + " to " + text(estimate.interval.upperBound, scores, sign: true) + ")" + mark
    }

    /// Every method: costs, measures with 95% intervals, and paired differences to Baseline-H.
    public var methods: (header: [String], rows: [[String]]) {
        let names = result.measureNames
        let header =
            ["method", "average bits", "MB/token", "tok/s", "tokens"] + names
            + ["\(names[0]) - Baseline-H", "like full precision - Baseline-H", "KL - Baseline-H"]
        let rows = zip(result.results, result.comparisons).map { row, comparison in
            let measures = row.measures
            func difference(_ index: Int) -> String { text(comparison.baseline[index], measures[index]) }
            return [
                row.label, row.averageBits.map { fixed($0, 2) } ?? "-",
                row.bytesPerToken.map { fixed($0 / 1e6, 1) } ?? "-", row.tokensPerSecond.map { fixed($0, 0) } ?? "-",
                fixed(row.averageTokens, 1),
            ] + measures.map { text($0) } + [
                difference(0), difference(measures.count - 2), difference(measures.count - 1),
            ]
        }
        return (header, rows)
    }

    /// Methods against constant precisions of at most equal, and of equal bytes per token.
    public var opponents: (header: [String], rows: [[String]]) {
        let names = result.measureNames
        let shown = [0, names.count - 2, names.count - 1]
        let header =
            ["method", "MB/token", "best constant of at most equal bytes"] + shown.map { names[$0] }
            + ["constants of equal bytes"] + shown.map { names[$0] }
        var rows: [[String]] = []
        for (row, comparison) in zip(result.results, result.comparisons) {
            guard let opponents = comparison.opponents, row.bytesPerToken != nil else { continue }
            let measures = row.measures
            rows.append(
                [row.label, row.bytesPerToken.map { fixed($0 / 1e6, 1) } ?? "-", opponents.fitting?.label ?? "none"]
                    + shown.map { text(comparison.fitting[$0], measures[$0]) } + [opponents.mixture?.label ?? "none"]
                    + shown.map { text(comparison.mixture[$0], measures[$0]) })
        }
        return (header, rows)
    }

    /// How often methods that schedule beat, and lose against, constants of equal bytes: in sentences.
    public var findings: [String] {
        var lines: [String] = []
        let kinds: [ExperimentMethod.Kind] = [.fixed, .calibrated, .learned, .adaptive]
        for (index, name) in result.measureNames.enumerated() {
            var groups: [MeasuredDifference.Verdict: [String]] = [:]
            for (row, comparison) in zip(result.results, result.comparisons) where kinds.contains(row.kind) {
                guard let difference = comparison.mixture[index] else { continue }
                groups[difference.verdict, default: []].append(row.label)
            }
            func list(_ verdict: MeasuredDifference.Verdict) -> String {
                (groups[verdict] ?? []).isEmpty ? "none" : (groups[verdict] ?? []).joined(separator: "; ")
            }
            lines.append(
                "\(name), schedules against constants of equal bytes: better \(list(.better)) - worse \(list(.worse)) - no difference shown \(list(.open))."
            )
        }
        return lines + orderFindings + rightAnswerFindings
    }

    /// What the figures are, in the order of the tables.
    public var notes: [String] {
        let frame = result.settings.frame
        var all = [
            "\(result.answersText) of at most \(frame.maxNewTokens) tokens; prompts are read at \(frame.prefill.text) bits unless the method says otherwise. Intervals are 95%, by bootstrap over examples; differences are paired.",
            "Average bits and bytes of weights are those of the decode steps; the prefill does not count. Tokens per second follow from the speed of each precision for a single sequence, measured in the same run with half of the answer in the cache.",
            "Shares are shown as hundredths. 'Like full precision' is ROUGE-L against the full-precision model's answers; KL is the divergence from its distributions along its own answers, in nats per token.",
            "Placements (halves, quarters, alternate) count from the length of the full-precision answer, which no scheduler knows. Random switches and mixtures of constants are expectations over the draw.",
            "A dense-and-sparse weight kept in full precision counts 32 bits (value and column, 16 each) on top of its code; it is decoded with float activations and a float head, which favours it, and has no speed.",
        ]
        func has(_ kind: ExperimentMethod.Kind) -> Bool { result.results.contains { $0.kind == kind } }
        if has(.reversed) || has(.shuffled) { all.append(orderNote) }
        if has(.speculation) { all.append(draftNote) }
        if has(.adaptive) { all.append(adaptiveNote) }
        if result.rightAnswers != nil { all.append(rightAnswerNote) }
        return all
    }

    private var adaptiveNote: String {
        "Precision by need ('by need') writes answers one by one, as the runner does; its bits and bytes are those that were read, steps taken twice included, and its speed is measured as that of drafted methods. It cannot be led along another model's answer, so it has no KL; its shuffled control has the bits of its own steps, of which one taken twice counts as high, and reads every step once."
    }

    private var draftNote: String {
        "A drafted method ('speculation') writes the constant's own text, which the run asserts answer by answer; its bytes are those that the engine read, drafts included, and its speed is the clock's, scaled by the speed of plain steps taken right after each answer."
    }

    private var orderNote: String {
        "Reversed and shuffled methods are controls of order: per prompt, as many steps at every precision as the controlled method's own answer took (a placement's: as its definition says), in reversed order, or dealt at random without replacement. Where the answer gets longer, a reversed order stays at its last precision, and a dealt one goes on drawing with the same shares. KL is along the full-precision answer, where bits are equal exactly. Shuffled rows are expectations over "
            + "\(result.settings.deals) deals; of methods with the same bits only one is shuffled."
    }

    /// The whole report.
    /// - Parameter plots: file names of the plots beside it, with what they show.
    public func markdown(title: String, warnings: [String], plots: [(file: String, text: String)]) -> String {
        func table(_ rows: (header: [String], rows: [[String]])) -> String {
            func line(_ cells: [String]) -> String {
                "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
            }
            let rule = "|" + rows.header.indices.map { $0 == 0 ? "---|" : "---:|" }.joined()
            return ([line(rows.header), rule] + rows.rows.map(line)).joined(separator: "\n")
        }
        var parts = ["# \(title)"]
        parts += warnings.map { "**Warning:** " + $0 }
        parts += ["## Methods", table(methods), "## Against constant precisions", table(opponents)]
        if let orders { parts += ["## Against the same bits in other orders", table(orders)] }
        if let right = rightAnswers { parts += ["## Cost of a right answer", table(right)] }
        parts += [findings.map { "- " + $0 }.joined(separator: "\n")]
        parts += plots.map { "![\($0.text)](\($0.file))" }
        parts += ["## How to read this", notes.map { "- " + $0 }.joined(separator: "\n")]
        return parts.joined(separator: "\n\n") + "\n"
    }
}
