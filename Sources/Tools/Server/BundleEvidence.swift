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
    }

    /// By task.
    let calibrations: [String: Calibration]
    /// The learned scheduler's facts with what its choices are worth; nil where the bundle has none.
    let learned: JSONValue?

    init(path: String) throws(TaperError) {
        let bundle = try Bundle(path: path)
        let quality = try bundle.quality()
        var calibrations: [String: Calibration] = [:]
        for record in try bundle.schedules() {
            calibrations[record.task] = Calibration(
                tolerance: record.tolerance, evidence: record.evidence.json, quality: quality?.row(record))
        }
        self.calibrations = calibrations
        learned = try bundle.learnedScheduler()?.json
    }
}
