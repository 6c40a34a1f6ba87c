import Bundle
import Calibration
import Checkpoint
public import Evaluation
import Kernels
public import Scoring
public import Model
public import Pipeline
import Reference
import Runtime
public import Storage

/// An experiment from files: opens bundle and checkpoint, calibrates what is to be calibrated, and runs all methods.
public struct ScheduleExperimentPlan {
    public struct Outcome {
        public let result: ExperimentResult
        public let warnings: [String]
        /// Names for files.
        public let plots: [(name: String, plot: QualityPlot)]
    }
    let bundlePath: String
    let dataPath: String
    let referencePath: String
    /// Of translations.
    let direction: TranslationDirection?
    let metrics: [TaskMetric]
    let high, low, prefill: Precision?
    let exampleLimit: Int
    let maxNewTokens: Int
    let calibrationPath: String?
    let calibrationLimit: Int
    let tolerance: Double
    /// nil: matched to the bits of the calibrated schedule, or 0, 1 and 2 without one.
    let confidence: [Double]?
    /// nil: the average bits of the calibrated schedule, or half-way.
    let denseSparse: [Double]?
    /// Precisions that draft the high one's answers; nil: the low one.
    let draftBits: [Precision]?
    /// Orders dealt at random for every method that changes precision.
    let deals: Int
    let threads: Int
    /// Samples of every example at a temperature; 0 for greedy answers.
    let sampleCount: Int
    let temperature: Double
    /// Whether answers may be run as code, which `pass@1` needs.
    let runsCode: Bool
    /// Margins of precision by need that nobody calibrated, in nats.
    let margins: [Double]
    /// What is compared beside the constants; nil: everything.
    let kinds: [ExperimentMethod.Kind]?

    public init(
        bundlePath: String, dataPath: String, direction: TranslationDirection?, referencePath: String,
        metrics: [TaskMetric], high: Precision?,
        low: Precision?, prefill: Precision?, exampleLimit: Int, maxNewTokens: Int,
        calibrationPath: String?,
        calibrationLimit: Int, tolerance: Double, confidence: [Double]?, denseSparse: [Double]?,
        draftBits: [Precision]?, deals: Int, threads: Int,
        sampleCount: Int, temperature: Double, runsCode: Bool, margins: [Double] = [],
        kinds: [ExperimentMethod.Kind]? = nil
    ) {
        self.margins = margins
        self.kinds = kinds
        self.draftBits = draftBits
        self.deals = deals
        self.sampleCount = sampleCount
        self.temperature = temperature
        self.runsCode = runsCode
        self.bundlePath = bundlePath
        self.dataPath = dataPath
        self.direction = direction
        self.referencePath = referencePath
        self.metrics = metrics
        self.high = high
        self.low = low
        self.prefill = prefill
        self.exampleLimit = exampleLimit
        self.maxNewTokens = maxNewTokens
        self.calibrationPath = calibrationPath
        self.calibrationLimit = calibrationLimit
        self.tolerance = tolerance
        self.confidence = confidence
        self.denseSparse = denseSparse
        self.threads = threads
    }

    /// - Throws: `usage` for precisions or checkpoints that do not fit, and what reading, calibrating and decoding throw.
    public func run(_ progress: Progress) throws(TaperError) -> Outcome {
        let bundle = try Bundle(path: bundlePath)
        let checkpoint = try openCheckpoint(referencePath, arrangedAs: bundle)
        guard checkpoint.config.vocabularySize == bundle.manifest.model.vocabularySize,
            checkpoint.config.layerCount == bundle.manifest.model.layerCount,
            checkpoint.config.hiddenSize == bundle.manifest.model.hiddenSize
        else {
            throw TaperError(
                .usage, "the reference is not the model the bundle was made of", at: referencePath,
                remedy: "Name the checkpoint that was converted with \(field("reference"))")
        }
        let pool = try ThreadPool(threadCount: threads)
        let list = try readTask(
            dataPath, limit: exampleLimit, direction: direction,
            needsReferences: metrics.contains(where: \.comparesTexts))
        for metric in metrics { try metric.check(list, place: dataPath) }
        let code =
            metrics.contains(.passAt1)
            ? try CodeJudge(list, consent: runsCode, pool: pool, place: dataPath) : nil
        let runner = try TaskRunner(
            bundle: bundle, examples: list, maxNewTokens: maxNewTokens, pool: pool, place: dataPath)
        let frame = try frame(runner.served)
        var warnings = try CalibrationTexts(bundle).warnings(evaluating: try SourceText(path: dataPath))
        if let warning = code?.warning { warnings.append(warning) }

        var settings = ScheduleExperiment.Settings(
            frame: frame, metrics: metrics, confidence: confidence ?? [0, 1, 2], denseSparse: [])
        settings.code = code
        settings.kinds = kinds
        settings.generated = try adaptive(bundle, frame) + frame.adaptive(margins: margins)
        settings.generated += try frame.drafts(draftBits ?? [frame.low])
        settings.deals = deals
        settings.sampleCount = sampleCount
        settings.temperature = temperature
        var target = (frame.high.bits + frame.low.bits) / 2
        settings.scheduled = try stored(bundle, frame, &warnings)
        if let calibrationPath {
            if try Files.read(calibrationPath, limit: 1 << 30) == Files.read(dataPath, limit: 1 << 30) {
                warnings.append("schedules are calibrated on the examples they are evaluated on")
            }
            let development = try DevelopmentSet(
                bundle: bundle, path: calibrationPath, limit: calibrationLimit, direction: direction, frame: frame,
                metric: metrics[0],
                tolerance: tolerance, runsCode: runsCode, pool: pool, progress: progress)
            settings.scheduled += development.methods
            warnings += development.warnings
            settings.sensitivityTexts = development.prompts
            if let bits = development.fractionalBits { target = bits }
            if confidence == nil {
                progress.begin("match the confidence rule to \(fixed(target, 2)) bits")
                let k = try development.confidence(matching: target) { progress.update($0) }
                progress.end("k = \(shortest(k))")
                settings.confidence = [k]
            }
        } else {
            settings.sensitivityTexts = Array(runner.prompts.prefix(16))
            warnings.append(
                "nothing was calibrated: dense-and-sparse weights learn from the prompts they are evaluated on")
        }
        settings.denseSparse = denseSparse ?? [target]
        if sampleCount > 0 {
            if !settings.denseSparse.isEmpty {
                warnings.append("dense and sparse is left out: its answers are greedy")
            }
            settings.denseSparse = []
            warnings.append(
                "answers are samples, but the full-precision model's, and those to calibrate on, are greedy"
            )
        }
        for warning in warnings { progress.warn(warning) }

        var phase = ""
        let experiment = ScheduleExperiment(
            bundle, reference: WeightSource(checkpoint), runner: runner, settings: settings, pool: pool,
            phase: { name in
                if !phase.isEmpty { progress.end(phase) }
                phase = name
                progress.begin(name)
            }, progress: { progress.update($0) })
        let result = try experiment.run()
        progress.end("\(list.count) examples, \(result.results.count) methods")
        var plots: [(name: String, plot: QualityPlot)] = []
        let names = result.measureNames
        for x in ExperimentResult.PlotX.allCases {
            var shown = [(0, metrics[0].rawValue), (names.count - 2, "likeness"), (names.count - 1, "kl")]
            // Times of whole answers are of interest where answers are right or wrong.
            if x == .seconds { shown = result.rightAnswers.map { [($0.metric, metrics[$0.metric].rawValue)] } ?? [] }
            for (measure, name) in shown {
                plots.append(
                    (
                        "\(name)-\(x.rawValue)",
                        result.plot(x, measure: measure, dataName: Files.name(of: dataPath))
                    ))
            }
        }
        return Outcome(result: result, warnings: warnings, plots: plots)
    }

    /// The bundle's rule of precision by need, after the common prefill.
    private func adaptive(_ bundle: Bundle, _ frame: ExperimentFrame) throws(TaperError) -> [ExperimentMethod] {
        guard var rule = try bundle.adaptiveSchedule()?.rule else { return [] }
        rule.prefill = frame.prefill
        return [ExperimentMethod("adaptive, " + rule.text, .adaptive, generating: .adaptive(rule))]
    }

    private func frame(_ served: [Precision]) throws(TaperError) -> ExperimentFrame {
        let whole = served.filter { $0.wholeBits != nil }
        let highest = high ?? whole.last { $0 <= 4 } ?? served[served.count - 1]
        return try ExperimentFrame(
            high: highest, low: low ?? whole.first ?? served[0], prefill: prefill ?? highest,
            maxNewTokens: maxNewTokens, served: served)
    }

    /// Schedules in the bundle, whose prompts are read as they say, and its learned scheduler after the common prefill.
    private func stored(
        _ bundle: Bundle, _ frame: ExperimentFrame, _ warnings: inout [String]
    ) throws(TaperError) -> [ExperimentMethod] {
        var methods: [ExperimentMethod] = []
        for schedule in try bundle.schedules() {
            let own = schedule.schedule
            methods.append(ExperimentMethod(schedule.label, .calibrated, DecodeStrategy(own)))
            if own.prefillBits != frame.prefill {
                warnings.append("\(schedule.label) reads prompts at \(own.prefillBits.text) bits")
            }
        }
        if let learned = try bundle.learnedScheduler() {
            let scheduler = DecodeScheduler.learned(learned, prefillBits: frame.prefill)
            methods.append(
                ExperimentMethod(
                    "learned, " + scheduler.decodeBits.map(\.text).joined(separator: " to "), .learned,
                    DecodeStrategy(scheduler, maxNewTokens: frame.maxNewTokens)))
            if scheduler.decodeBits != [frame.high, frame.low] {
                warnings.append(
                    "the learned scheduler chooses from " + Precision.text(scheduler.decodeBits) + " bits, not from "
                        + "\(frame.high.text) and \(frame.low.text)")
            }
        }
        return methods
    }
}
