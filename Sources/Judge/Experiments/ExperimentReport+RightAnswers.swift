import Scoring
import Storage

extension ExperimentReport {
    /// What a right answer costs under every method: nil where no metric tells right answers.
    public var rightAnswers: (header: [String], rows: [[String]])? {
        guard let table = result.rightAnswers else { return nil }
        let name = result.measureNames[table.metric]
        func over(_ unit: String, _ best: Int?) -> String {
            "\(unit)/right ÷ " + (best.map { result.results[$0].label } ?? "no constant")
        }
        let header = [
            "method", name, "tokens", "cut", "s/answer", "MB/answer", "s/right", "MB/right", over("s", table.fastest),
            over("MB", table.leanest),
        ]
        var rows: [[String]] = []
        for (row, right) in zip(result.results, table.rows) {
            guard let right else { continue }
            rows.append([
                row.label, fixed(100 * row.scores[table.metric].value, 1), fixed(row.averageTokens, 1),
                row.cutShare.map { fixed(100 * $0, 0) + "%" } ?? "-",
                row.secondsPerAnswer.map { fixed($0, 2) } ?? "-", row.bytesPerAnswer.map { fixed($0 / 1e6, 0) } ?? "-",
                text(right.seconds, 2), text(right.bytes, 0, scale: 1e-6),
                text(right.secondsOverBest, 2, verdict: true), text(right.bytesOverBest, 2, verdict: true),
            ])
        }
        return (header, rows)
    }

    var rightAnswerFindings: [String] {
        guard let table = result.rightAnswers else { return [] }
        func line(_ unit: String, _ best: Int?, _ ratio: (RightAnswers) -> RightAnswerCost.Ratio?) -> String? {
            guard let best else { return nil }
            var groups: [MeasuredDifference.Verdict: [String]] = [:]
            for (row, right) in zip(result.results, table.rows) where row.kind != .constant && row.kind != .prefill {
                guard let ratio = right.flatMap(ratio) else { continue }
                groups[ratio.verdict, default: []].append(row.label)
            }
            func list(_ verdict: MeasuredDifference.Verdict) -> String {
                groups[verdict].map { $0.joined(separator: "; ") } ?? "none"
            }
            return
                "\(unit) per right answer, against \(result.results[best].label), the constant that needs least: less \(list(.better)) - more \(list(.worse)) - no difference shown \(list(.open))."
        }
        return [
            line("Seconds", table.fastest) { $0.secondsOverBest }, line("MB", table.leanest) { $0.bytesOverBest },
        ].compactMap { $0 }
    }

    var rightAnswerNote: String {
        "s/right and MB/right are time and traffic of all answers, prompts included, over the number of right ones. Time follows from the speed of each precision, as tokens per second do, and from the tokens that were written; a prompt reads the weights once for every \(result.costs.promptRows) tokens. Ratios are paired with the constant whose right answers cost least, chosen on these same examples, which favours it; below one is better. 'Cut' are answers that the limit of new tokens ended. 'never' stands where resamples have no right answer."
    }

    private func text(
        _ ratio: RightAnswerCost.Ratio?, _ digits: Int, scale: Double = 1, verdict: Bool = false
    ) -> String {
        guard let ratio else { return "-" }
        func number(_ value: Double) -> String { value.isFinite ? fixed(value * scale, digits) : "never" }
        let mark = !verdict || ratio.verdict == .open ? "" : " " + ratio.verdict.rawValue
        if !ratio.low.isFinite { return "never" + mark }
        return number(ratio.value) + " (" + number(ratio.low) + " to " + number(ratio.high) + ")" + mark
    }
}
