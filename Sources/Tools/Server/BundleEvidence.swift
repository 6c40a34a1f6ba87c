internal import Bundle
internal import Storage

/// Why a bundle's schedules are what they are: what was measured when they were found, as the bundle holds it.
struct BundleEvidence: Sendable {
    /// Of a schedule.
    struct Calibration: Sendable {
        /// Share of the metric's range that answers may lose.
        let tolerance: Double
        /// The section's own JSON: candidates with their scores, number of examples, ... (formats/bundle.md).
        let evidence: JSONValue
        /// On the text that precisions are measured on; nil where the schedule was not.
        let quality: Quality.Row?
        /// Perplexity over that of full precision.
        let overFull: Double?
    }

    /// By task.
    let calibrations: [String: Calibration]
    /// The learned scheduler's facts with what its choices are worth; nil where the bundle has none.
    let learned: JSONValue?

    init(_ bundle: Bundle) throws(TaperError) {
        let quality = try bundle.quality()
        var calibrations: [String: Calibration] = [:]
        for record in try bundle.schedules() {
            let row = quality?.row(record)
            calibrations[record.task] = Calibration(
                tolerance: record.tolerance, evidence: record.evidence.json, quality: row,
                overFull: quality?.overFull(row))
        }
        self.calibrations = calibrations
        learned = try bundle.learnedScheduler()?.json
    }
}
