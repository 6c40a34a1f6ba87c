public import Bundle
public import Evaluation
public import Kernels
public import Scoring
import Model
public import Reference
import Runtime
public import Storage

/// Many methods of spending bits on the same answers, in one run: the experiment of Chen et al. 2025, section 5, with constant
/// precisions of equal bytes beside every schedule.
///
/// All methods start from the same prompts, read once; what they have in common is decoded once (`TaskRunner`).
public struct ScheduleExperiment {
    public struct Settings {
        public var frame: ExperimentFrame
        /// The first one is what tables and plots show foremost; all compare texts or run tests.
        public var metrics: [TaskMetric]
        /// Calibrated and learned schedules, with what they are called.
        public var scheduled: [ExperimentMethod] = []
        /// Deviations above the mean at which the confidence rule steps down.
        public var confidence: [Double]
        /// Average bits of dense-and-sparse decompositions.
        public var denseSparse: [Double]
        /// Token ids from which decompositions learn what matters.
        public var sensitivityTexts: [[Int]] = []
        /// Samples of every example, drawn at `temperature`; 0 for greedy answers.
        public var sampleCount = 0
        public var temperature = 0.0
        /// Of the runner's examples, for `pass@1`.
        public var code: CodeJudge?

        public init(frame: ExperimentFrame, metrics: [TaskMetric], confidence: [Double], denseSparse: [Double]) {
            self.frame = frame
            self.metrics = metrics
            self.confidence = confidence
            self.denseSparse = denseSparse
        }
    }

    public let settings: Settings
    let bundle: Bundle
    let reference: WeightSource
    let runner: TaskRunner
    let pool: ThreadPool
    private let phase: (String) -> Void
    private let progress: (Double) -> Void

    /// - Parameters:
    ///   - reference: full-precision weights of the model the bundle was made of.
    ///   - phase: hears what begins; `progress` its share that is done.
    public init(
        _ bundle: Bundle, reference: WeightSource, runner: TaskRunner, settings: Settings, pool: ThreadPool,
        phase: @escaping (String) -> Void, progress: @escaping (Double) -> Void
    ) {
        self.bundle = bundle
        self.reference = reference
        self.runner = runner
        self.settings = settings
        self.pool = pool
        self.phase = phase
        self.progress = progress
    }

    public func run() throws(TaperError) -> ExperimentResult {
        let frame = settings.frame
        phase("full precision")
        let model = try ReferenceModel(reference, residency: .resident, threads: pool.threadCount)
        let full = try FloatAnswers(
            model, prompts: runner.prompts, limit: frame.maxNewTokens, stop: runner.stopTokens
        ) { progress($0) }
        let paths = full.paths
        let scoring = AnswerScoring(runner: runner, metrics: settings.metrics, code: settings.code, full: full.tokens)

        phase("speed")
        let seconds = try DecodeSpeed.secondsPerStep(
            runner.engine, precisions: frame.served,
            depth: runner.prompts.map(\.count).sorted()[runner.prompts.count / 2] + frame.maxNewTokens / 2)

        var methods = frame.constants() + frame.lowPrefills() + frame.patterns(lengths: full.readCounts)
        methods += try frame.fixedSchedules() + settings.scheduled + frame.confidence(settings.confidence)
        let strategies = methods.compactMap(\.strategy)
        precondition(strategies.count == methods.count, "every method has a strategy")

        phase("methods")
        let all = Array(runner.prompts.indices)
        let isGreedy = settings.sampleCount == 0
        let followed = try runner.run(all, strategies, paths: paths, writes: isGreedy) { progress($0) }
        var samples = isGreedy ? [followed] : []
        for sample in 0..<settings.sampleCount {
            phase("sample \(sample + 1) of \(settings.sampleCount)")
            samples.append(
                try runner.run(
                    all, strategies,
                    sampling: AnswerSampling(temperature: settings.temperature, sample: sample)
                ) { progress($0) })
        }
        var results: [MethodResult] = []
        for (order, method) in methods.enumerated() {
            results.append(
                try scoring.result(
                    method, samples: samples.map { $0.map { $0[order] } },
                    followed: followed.map { $0[order] }))
        }
        for order in results.indices {
            results[order].setCosts(bytes: { runner.bytesPerToken(bits: $0) }, seconds: seconds)
        }
        results += randomSwitches(results, seconds)

        for averageBits in settings.denseSparse {
            phase("dense and sparse, \(fixed(averageBits, 2)) bits")
            results.append(try denseSparse(averageBits, model, paths, scoring))
        }
        results.insert(try scoring.full(full.tokens, label: Quality.fullPrecision), at: 0)
        return ExperimentResult(
            settings: settings, results: results, exampleCount: runner.prompts.count, secondsPerStep: seconds,
            bytesPerToken: Dictionary(
                uniqueKeysWithValues: frame.served.map { ($0, runner.bytesPerToken(bits: $0)) }),
            stepCount: runner.stepCount, sharedStepCount: runner.sharedStepCount)
    }

    /// Expectations of switching at random: among the classes with equal chances, and as the learned scheduler does but
    /// without looking at the prompt.
    private func randomSwitches(_ results: [MethodResult], _ seconds: [Precision: Double]) -> [MethodResult] {
        let frame = settings.frame
        func result(of schedule: String) -> MethodResult? {
            results.first { result in
                result.kind != .learned && result.schedules.first == schedule
                    && result.schedules.allSatisfy { $0 == schedule }
            }
        }
        func mixture(_ weights: [(schedule: String, weight: Double)], _ label: String) -> MethodResult? {
            let parts = weights.compactMap { item in result(of: item.schedule).map { (item.weight, $0) } }
            guard parts.count == weights.count else { return nil }
            return MethodResult.mixture(
                parts, label: label, kind: .random, bytes: { runner.bytesPerToken(bits: $0) }, seconds: seconds)
        }
        var random: [MethodResult] = []
        let classes = frame.classes.compactMap { try? frame.stepDown(at: $0).text }
        if let uniform = mixture(classes.map { ($0, 1) }, "random switch, uniform") { random.append(uniform) }
        for learned in results where learned.kind == .learned {
            var counts: [String: Double] = [:]
            for schedule in learned.schedules { counts[schedule, default: 0] += 1 }
            let prior = counts.sorted { $0.key < $1.key }.map { (schedule: $0.key, weight: $0.value) }
            if let drawn = mixture(prior, "random switch, prior of \(learned.label)") { random.append(drawn) }
        }
        return random
    }

    /// Dense-and-sparse weights in the float model, after the same prefill by the bundle as everything else.
    private func denseSparse(
        _ averageBits: Double, _ full: ReferenceModel, _ paths: ForcedPaths, _ scoring: AnswerScoring
    ) throws(TaperError) -> MethodResult {
        let frame = settings.frame
        let moments = try full.inputMoments(settings.sensitivityTexts)
        let parts = try DenseSparse(
            bundle: bundle, source: reference, moments: moments, dense: frame.low, averageBits: averageBits)
        let model = try ReferenceModel(parts.weights, residency: .resident, threads: pool.threadCount)
        let answers = try runner.run(on: model, prefillBits: frame.prefill, paths: paths) { progress($0) }
        let method = ExperimentMethod(
            "dense and sparse: \(frame.low.text) bits + \(fixed(100 * Double(parts.keptCount) / Double(max(1, parts.weightCount)), 2))%",
            .denseSparse, nil)
        var result = try scoring.result(method, samples: [answers], followed: answers)
        result.averageBits = parts.averageBits
        result.bytesPerToken = Double(runner.bytesPerToken(bits: frame.low) + parts.sparseByteCount)
        result.note =
            "\(parts.keptCount) of \(parts.weightCount) weights in full precision, 32 bits each; float activations"
        return result
    }
}
