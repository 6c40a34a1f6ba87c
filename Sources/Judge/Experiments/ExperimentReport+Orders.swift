import Storage

extension ExperimentReport {
    /// Methods that change precision within an answer against the same bits in other orders: nil where there are none.
    public var orders: (header: [String], rows: [[String]])? {
        let names = result.measureNames
        let shown = [0, names.count - 2, names.count - 1]
        var rows: [[String]] = []
        for (row, comparison) in zip(result.results, result.comparisons) {
            guard row.reversedLabel != nil || row.shuffledLabel != nil else { continue }
            let measures = row.measures
            rows.append(
                [row.label, row.shuffledLabel ?? "none"] + shown.map { text(comparison.shuffled[$0], measures[$0]) }
                    + [row.reversedLabel ?? "none"] + shown.map { text(comparison.reversed[$0], measures[$0]) })
        }
        let header =
            ["method", "dealt at random"] + shown.map { names[$0] } + ["reversed"] + shown.map { names[$0] }
        return rows.isEmpty ? nil : (header, rows)
    }

    /// On which measures an order is told from the same bits at random.
    var orderFindings: [String] {
        guard result.results.contains(where: { $0.shuffledLabel != nil }) else { return [] }
        return result.measureNames.enumerated().map { index, name in
            var groups: [MeasuredDifference.Verdict: [String]] = [:]
            for (row, comparison) in zip(result.results, result.comparisons) {
                guard let difference = comparison.shuffled[index] else { continue }
                groups[difference.verdict, default: []].append(row.label)
            }
            func list(_ verdict: MeasuredDifference.Verdict) -> String {
                groups[verdict].map { $0.joined(separator: "; ") } ?? "none"
            }
            return
                "\(name), orders against the same bits dealt at random: better \(list(.better)) - worse \(list(.worse)) - no difference shown \(list(.open))."
        }
    }
}
