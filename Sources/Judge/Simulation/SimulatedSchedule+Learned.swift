public import Bundle
public import Model
import Runtime
public import Storage

extension SimulatedSchedule {
    /// A bundle's learned scheduler, choosing as it did for the prompts held out from its training.
    /// - Throws: `usage` when the bundle has none, or none whose choices are recorded.
    public init(
        learnedBy bundle: Bundle, prefillBits: Precision?, promptTokens: Int, steps: Int
    ) throws(TaperError) {
        guard let learned = try bundle.learnedScheduler() else {
            throw TaperError(
                .usage, "the bundle has no learned scheduler", at: bundle.path,
                remedy: "Train one by calibration, or give the shares of its choices with " + field("learned"))
        }
        // Classes chosen so far, with the share of generations in which they are.
        var branches: [(share: Double, classes: [Int])] = [(1, [])]
        for pair in learned.pairs {
            let shares = (pair.evidence["held_out_choices"]?.array ?? []).compactMap(\.double)
            let total = shares.reduce(0, +)
            guard shares.count == ClassifierShape.classCount, abs(total - 1) < 1e-3 else {
                throw TaperError(
                    .usage, "the bundle does not record what its learned scheduler chose", at: bundle.path,
                    remedy: "Give the shares of its choices with " + field("learned"))
            }
            branches = branches.flatMap { branch in
                shares.enumerated().filter { $0.element > 0 }.map { choice, share in
                    (branch.share * share / total, branch.classes + [choice])
                }
            }
        }
        let traces = branches.map { branch in
            let schedule = learned.schedule(classes: branch.classes, maxNewTokens: steps).prefilled(at: prefillBits)
            return (branch.share, PrecisionTrace(schedule, promptTokens: promptTokens, steps: steps))
        }
        self.init(label: "learned", traces: traces)
    }
}
