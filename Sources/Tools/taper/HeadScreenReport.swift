import Bundle
import Kernels
import Storage

/// How much of a head a decode step reads.
enum HeadScreenReport {
    /// None: no screen would save anything.
    static func lines(_ screens: [HeadScreen]) -> [String] {
        guard !screens.isEmpty else { return [Console.strong("head screen") + "  none: it would save nothing"] }
        return screens.flatMap { screen in
            let evidence = screen.evidence
            return [
                Console.strong("head screen")
                    + "  \(screen.leadBits) leading bits of \(screen.rows) rows, then"
                    + " \(rows(evidence.tileRowsForOne)) rows in full for the likeliest token,"
                    + " \(rows(evidence.tileRowsForForty)) for forty",
                "  \(evidence.misses) misses among the 64 likeliest of \(evidence.tokens) tokens; underestimated by"
                    + " \(fixed(Double(evidence.largest), 2)) deviations at most,"
                    + " \(fixed(Double(screen.margin), 2)) are allowed",
            ]
        }
    }

    private static func rows(_ tileRows: Float) -> String {
        fixed(Double(tileRows) * Double(NestedLayout.tileRows), 0)
    }

    static func json(_ screens: [HeadScreen]) -> JSONValue {
        .array(
            screens.map { screen in
                let evidence = screen.evidence
                return .object([
                    .init("lead_bits", .integer(screen.leadBits)),
                    .init("directions", .integer(screen.directions)),
                    .init("margin", .number(Double(screen.margin))),
                    .init("tokens", .integer(evidence.tokens)),
                    .init("misses", .integer(evidence.misses)),
                    .init("largest_deviation", .number(Double(evidence.largest))),
                    .init("rows_for_one", .number(Double(evidence.tileRowsForOne) * Double(NestedLayout.tileRows))),
                    .init(
                        "rows_for_forty", .number(Double(evidence.tileRowsForForty) * Double(NestedLayout.tileRows))),
                ])
            })
    }
}
