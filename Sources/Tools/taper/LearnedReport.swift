import Bundle
import Storage

enum LearnedReport {
    /// The learned scheduler with what its choices are worth.
    static func lines(_ scheduler: LearnedScheduler) -> [String] {
        var lines = [
            Console.strong("learned") + "  prefill \(scheduler.prefillBits), "
                + scheduler.pairs.map { "\($0.high) to \($0.low)" }.joined(separator: ", ")
                + ", trained for \(scheduler.maxNewTokens) new tokens; \(scheduler.shape.weightCount) weights a step"
        ]
        for pair in scheduler.pairs {
            let evidence = pair.evidence
            func percent(_ value: JSONValue?) -> String { value?.double.map { fixed($0 * 100, 0) + "%" } ?? "?" }
            func shares(_ key: String) -> String {
                (evidence[key]?.array ?? []).map { percent($0) }.joined(separator: " / ")
            }
            lines.append(
                "  \(pair.high) to \(pair.low): \(percent(evidence["held_out_accuracy"])) of "
                    + "\(evidence["prompts"]?.integer ?? 0) held-out prompts right by the likeliest class, "
                    + "\(percent(evidence["accuracy_of_most_frequent"])) by the most frequent one; labels "
                    + "\(shares("class_prior")), chosen \(shares("held_out_choices")) for 0 / 1/3 / 2/3 / all steps high, "
                    + "confidence \(fixed(Double(pair.confidence), 2)) for a loss of "
                    + "\(evidence["tolerance"]?.double.map { shortest($0) } ?? "?")")
            var table = TextTable([
                "choice", "average bits", "ROUGE-L to full", "difference", "std error", "regret bits", "regret ROUGE-L",
            ])
            for row in evidence["comparison"]?.array ?? [] {
                func number(_ key: String, _ digits: Int) -> String {
                    row[key]?.double.map { fixed($0, digits) } ?? "-"
                }
                table.add([
                    printable(row["choice"]?.string ?? "?"), number("average_bits", 3), number("rouge_l_to_full", 4),
                    number("difference", 4), number("standard_error", 4), number("regret_bits", 3),
                    number("regret_rouge_l", 4),
                ])
            }
            lines += table.lines(indent: 4)
        }
        return lines
    }
}
