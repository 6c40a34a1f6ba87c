internal import Bundle
internal import Calibration
internal import Evaluation
internal import Scoring
internal import Model
internal import Pipeline
internal import Storage
public import TaperRuntime

/// Finds where precision may fall on a task, and stores it in the bundle under the task's name, in place and atomically.
public struct TaskCalibration: Hashable, Sendable {
    /// What answers are scored by.
    public enum Metric: String, CaseIterable, Sendable {
        /// ROUGE F-measures with the reference, 0 to 1; `Stemmed` of stemmed words.
        case rouge1 = "rouge-1"
        case rouge1Stemmed = "rouge-1-stem"
        case rouge2 = "rouge-2"
        case rouge2Stemmed = "rouge-2-stem"
        case rougeL = "rouge-l"
        case rougeLStemmed = "rouge-l-stem"
        /// Without smoothing, 0 to 1.
        case bleu
        /// With exponential smoothing, 0 to 100.
        case sacrebleu
        /// Share of answers whose last number is the reference's, 0 to 1.
        case exactNumber = "exact-number"
        /// Share of tokens equal to the full-precision model's, 0 to 1.
        case agreement
        /// Divergence from the full-precision model in nats, along its own answer; needs `reference`.
        case kl
    }

    public var bundle: String
    /// A schedule of the same name is replaced; `default` is the one that applies where none is named.
    public var task: String
    /// Path of examples: JSONL with `prompt` or `messages`, and `reference`; for `kl` and `agreement` any text.
    public var examples: String
    /// At most so many of them.
    public var exampleLimit = 32
    /// Of translations, such as "fr-en".
    public var direction: String?
    /// nil: `rougeL`; of the task `default` `kl`, or `agreement` without a reference.
    public var metric: Metric?
    /// Score that may be lost, as a share of the metric's scale, 0 to 1.
    public var tolerance = 0.01
    /// New tokens of an answer.
    public var maxTokens = 64
    /// Highest and lowest precision to decode with.
    public var highest: TaperRuntime.Precision?
    public var lowest: TaperRuntime.Precision?
    /// Path of the full-precision checkpoint that answers are compared with.
    public var reference: String?
    /// nil: every processor that this process may use.
    public var threads: Int?

    public init(of bundle: String, task: String, examples: String) {
        self.bundle = bundle
        self.task = task
        self.examples = examples
    }

    /// - Parameter progress: hears of its stage and warnings.
    /// - Throws: `invalidArgument` and `invalidData` for settings and examples that make no sense; `busy` while somebody else changes
    ///   the bundle; `cancelled` soon after the task is cancelled. The bundle then is as it was.
    public func run(progress: @escaping ProgressHandler = { _ in }) async throws(TaperRuntime.TaperError)
        -> StoredSchedule
    {
        try await onOwnThread { () throws(ModuleError) in StoredSchedule(try calibrate(progress)) }
    }

    private func calibrate(_ progress: @escaping ProgressHandler) throws(ModuleError) -> CalibratedSchedule {
        guard tolerance >= 0, tolerance <= 1 else { throw wrong("tolerance", "0 to 1", shortest(tolerance)) }
        guard (1...65536).contains(maxTokens) else { throw wrong("maxTokens", "1 to 65536", String(maxTokens)) }
        guard (1...100_000).contains(exampleLimit) else {
            throw wrong("exampleLimit", "1 to 100000", String(exampleLimit))
        }
        guard !task.isEmpty else { throw wrong("task", "a name", "none") }
        var inputs = InputFiles()
        inputs.add(examples, as: "the examples")
        inputs.add(model: reference, as: "the reference")
        try inputs.check(output: bundle, remedy: "Name the bundle to calibrate first")
        let edit = try BundleEdit(path: bundle)
        let served = try Bundle(path: bundle).servedPrecisions()
        let used = served.filter { bits in
            bits <= highest?.forModules ?? .highest && bits >= lowest?.forModules ?? 2
        }
        guard !used.isEmpty else {
            throw ModuleError(
                .usage, "no precision of the bundle lies between lowest and highest", at: bundle,
                found: Model.Precision.text(served))
        }
        let metric =
            metric.flatMap { TaskMetric(rawValue: $0.rawValue) }
            ?? TaskMetric.standard(general: task == CalibratedSchedule.generalTask, hasReference: reference != nil)
        return try BundleCalibration(
            edit, threads: try checkedThreads(threads), progress: Pipeline.Progress { progress(ConversionEvent($0)) }
        ).calibrateTask(
            dataPath: examples, examples: exampleLimit,
            direction: try direction.map { text throws(ModuleError) in
                try TranslationDirection(parsing: text, place: "direction")
            },
            settings: TaskCalibrationSettings(
                task: task, metric: metric, maxNewTokens: maxTokens, tolerance: tolerance, precisions: used),
            checkpointPath: reference)
    }

    private func wrong(_ setting: String, _ expected: String, _ found: String) -> ModuleError {
        ModuleError(.usage, "value out of range", at: setting, expected: expected, found: found)
    }
}
