public import Bundle
public import Storage

extension PrecisionSchedule {
    /// The calibrated schedule of a bundle.
    public init(_ schedule: Schedule, place: String) throws(TaperError) {
        try self.init(
            prefillBits: schedule.prefillBits,
            steps: schedule.steps.map { Step(fromStep: $0.fromStep, bits: $0.bits) }, place: place)
    }
}
