import Bundle
import Calibration
import Evaluation
import Kernels
import Scoring
import Model
import Pipeline
import Runtime
import Storage

/// What an experiment learns from examples that it is not evaluated on: calibrated schedules, and the confidence rule's k.
struct DevelopmentSet {
    private(set) var methods: [ExperimentMethod] = []
    private(set) var warnings: [String] = []
    /// Average bits of the schedule of two precisions on these examples, when it is none of the two all along.
    private(set) var fractionalBits: Double?
    let prompts: [[Int]]
    private let runner: TaskRunner
    private let frame: ExperimentFrame

    /// Calibrates a schedule of the high and the low precision, and one of all precisions between.
    init(
        bundle: Bundle, path: String, limit: Int, direction: TranslationDirection?, frame: ExperimentFrame,
        metric: TaskMetric, tolerance: Double, runsCode: Bool, pool: ThreadPool, progress: Progress
    ) throws(TaperError) {
        let examples = try readTask(path, limit: limit, direction: direction, needsReferences: metric.comparesTexts)
        let code =
            metric == .passAt1 ? try CodeJudge(examples, consent: runsCode, pool: pool, place: path) : nil
        runner = try TaskRunner(
            bundle: bundle, examples: examples, maxNewTokens: frame.maxNewTokens, pool: pool, place: path)
        prompts = runner.prompts
        self.frame = frame
        var choices = [(name: "static, \(frame.high.text) and \(frame.low.text)", precisions: [frame.low, frame.high])]
        if frame.between.count > 2 {
            choices.append((name: "static, \(frame.low.text) to \(frame.high.text)", precisions: frame.between))
        }
        for (order, choice) in choices.enumerated() {
            progress.begin("calibrate " + choice.name)
            let settings = TaskCalibrationSettings(
                task: choice.name, metric: metric, maxNewTokens: frame.maxNewTokens, tolerance: tolerance,
                precisions: choice.precisions, prefill: frame.prefill)
            let schedule = try calibrateTask(
                bundle: bundle, examples: examples, settings: settings, reference: nil, code: code, pool: pool
            ) { progress.update($0) }
            let own = schedule.schedule
            progress.end("\(own.text), average \(fixed(schedule.averageBits, 2)) bits")
            methods.append(
                ExperimentMethod("\(choice.name): \(own.text)", .calibrated, DecodeStrategy(own)))
            if order == 0, own.steps.count > 1 { fractionalBits = schedule.averageBits }
            if schedule.evidence.isToleranceBelowNoise {
                warnings.append(
                    "\(choice.name): the tolerance \(shortest(tolerance)) is below the standard error "
                        + fixed(schedule.evidence.standardError ?? 0, 4) + " of \(examples.count) examples")
            }
        }
    }

    /// The k whose average bits on these examples come nearest.
    func confidence(matching averageBits: Double, progress: (Double) -> Void) throws(TaperError) -> Double {
        let ks = [-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3]
        let strategies = ks.map { k in
            DecodeStrategy(
                prefillBits: frame.prefill, rule: .confidence(ConfidenceRule(high: frame.high, low: frame.low, k: k)))
        }
        let outcomes = try runner.run(Array(runner.prompts.indices), strategies, progress: progress)
        var best = (k: 0.0, distance: Double.infinity)
        for (order, k) in ks.enumerated() {
            let mean = Precision.mean(outcomes.flatMap { $0[order].answer.bits }) ?? frame.high.bits
            if abs(mean - averageBits) < best.distance { best = (k, abs(mean - averageBits)) }
        }
        return best.k
    }
}
