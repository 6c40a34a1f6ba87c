import Evaluation
import Model
public import Storage

/// The tables of a simulation as rows of text, for Markdown and for terminals, and all of it as JSON.
public struct SimulationReport {
    let result: SimulationResult
    public init(_ result: SimulationResult) { self.result = result }

    public var schedules: (header: [String], rows: [[String]]) {
        let header = [
            "schedule", "average bits", "ms/token", "tok/s", "mJ/token", "over 16 bits", "over Baseline-H", "MB/token",
            "centroids", "prefill ms", "switch us", "bound by",
        ]
        let rows = result.all.map { row -> [String] in
            let significant = SimulationReport.significant
            return [
                row.label, fixed(row.averageBits, 2), significant(row.secondsPerToken * 1e3),
                significant(row.tokensPerSecond), significant(row.joulesPerToken * 1e3),
                fixed(result.speedup(row, over: result.half), 2),
                fixed(result.speedup(row, over: result.baseline), 2), significant(row.bytesPerToken / 1e6),
                fixed(row.tableShare * 100, 1) + "%", significant(row.prefillSeconds * 1e3),
                row.switchSeconds.map { significant($0 * 1e6) } ?? "-",
                row.bound + " " + fixed(max(row.channelShare, row.multiplierShare, row.vectorShare) * 100, 0) + "%",
            ]
        }
        return (header, rows)
    }

    public var title: String { "\(result.shape.name) on \(result.hardware.name)" }

    public var notes: [String] {
        let trace = result.rows[0].traces[0].result.trace
        return [
            "Simulated: \(trace.bitsPerStep.count) decode steps after a prompt of \(trace.promptTokens) tokens. Speedups are of decode time per token; 16 bits means halves throughout, embedding and head too, on the same hardware.",
            "Bytes are all that goes over the channel: codes, centroids, cache, norms. 'Bound by' names the part that works most of the time, and its share.",
        ]
    }

    /// A table as Markdown: words of the first column left, all else right.
    public static func markdown(_ table: (header: [String], rows: [[String]])) -> String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        let rule = "|---|" + table.header.dropFirst().map { _ in "---:|" }.joined()
        return ([line(table.header), rule] + table.rows.map(line)).joined(separator: "\n")
    }

    public func markdown(plots: [(file: String, text: String)]) -> String {
        var lines = ["# " + title, "", SimulationReport.markdown(schedules), ""]
        for note in notes { lines += [note, ""] }
        for warning in result.warnings { lines += ["Warning: " + warning + ".", ""] }
        for plot in plots { lines += ["![\(plot.text)](\(plot.file))", ""] }
        return lines.joined(separator: "\n")
    }

    /// Three significant digits.
    static func significant(_ value: Double) -> String {
        fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)
    }
}
