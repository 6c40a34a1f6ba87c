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
        /// Methods whose answers are written one by one: drafted ones, and schedulers that see the generation itself.
        public var generated: [ExperimentMethod] = []
        /// Orders dealt at random for every method that changes precision within an answer.
        public var deals = 0
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

        /// What is compared beside the constants; nil: everything.
        public var kinds: [ExperimentMethod.Kind]?

        func wants(_ kind: ExperimentMethod.Kind) -> Bool { kind == .constant || kinds?.contains(kind) ?? true }

        public init(frame: ExperimentFrame, metrics: [TaskMetric], confidence: [Double], denseSparse: [Double]) {
            self.frame = frame
            self.metrics = metrics
            self.confidence = confidence
            self.denseSparse = denseSparse
        }

        /// nil where answers are greedy.
        func sampling(_ sample: Int) -> AnswerSampling? {
            sampleCount == 0 ? nil : AnswerSampling(temperature: temperature, sample: sample)
        }
    }

    public let settings: Settings
    let bundle: Bundle
    let reference: WeightSource
    let runner: TaskRunner
    let pool: ThreadPool
    let phase: (String) -> Void
    let progress: (Double) -> Void

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
        let costs = try measuredCosts()

        var methods = frame.constants() + frame.lowPrefills() + frame.patterns(lengths: full.readCounts)
        methods += try frame.fixedSchedules() + settings.scheduled + frame.confidence(settings.confidence)
        methods.removeAll { !settings.wants($0.kind) }
        phase("methods")
        var outcomes = try self.outcomes(methods, paths)
        var results = try self.results(methods, outcomes, scoring, costs)
        let generating = settings.generated.filter { settings.wants($0.kind) }
        for method in generating {
            phase(method.label)
            let (own, result) = try generated(method, methods, outcomes, scoring, costs)
            outcomes.append(own)
            results.append(result)
        }
        methods += generating
        let random = randomSwitches(results, costs)
        results = try controlled(results, methods, outcomes, paths, scoring, costs) + random

        for averageBits in settings.wants(.denseSparse) ? settings.denseSparse : [] {
            phase("dense and sparse, \(fixed(averageBits, 2)) bits")
            results.append(try denseSparse(averageBits, model, paths, scoring))
        }
        results.insert(try scoring.full(full.tokens, label: Quality.fullPrecision), at: 0)
        return ExperimentResult(
            settings: settings, results: results, exampleCount: runner.prompts.count, costs: costs,
            stepCount: runner.stepCount, sharedStepCount: runner.sharedStepCount)
    }

    private func measuredCosts() throws(TaperError) -> DecodeCosts {
        let (frame, engine) = (settings.frame, runner.engine)
        let lengths = runner.prompts.map(\.count)
        let median = lengths.sorted()[lengths.count / 2]
        return DecodeCosts(
            bytes: Dictionary(uniqueKeysWithValues: frame.served.map { ($0, runner.bytesPerToken(bits: $0)) }),
            seconds: try DecodeSpeed.secondsPerStep(
                engine, precisions: frame.served, depth: median + frame.maxNewTokens / 2),
            promptTokens: lengths,
            promptSeconds: try DecodeSpeed.secondsPerPromptToken(engine, precisions: frame.served, length: median),
            promptRows: engine.rowLimit)
    }

    /// Methods along the full-precision answers, and their own answers.
    private func outcomes(_ methods: [ExperimentMethod], _ paths: ForcedPaths) throws(TaperError) -> MethodOutcomes {
        let strategies = methods.compactMap(\.strategy)
        precondition(strategies.count == methods.count, "every method has a strategy")
        let isGreedy = settings.sampleCount == 0
        let followed = try runner.run(examples, strategies, paths: paths, writes: isGreedy) { progress($0) }
        return MethodOutcomes(
            followed: followed,
            samples: isGreedy ? [followed] : try samples { _ in strategies })
    }

    var examples: [Int] { Array(runner.prompts.indices) }

    /// Answers drawn at the temperature.
    /// - Parameter strategies: of a sample.
    func samples(_ strategies: (Int) -> [DecodeStrategy]) throws(TaperError) -> [[[TaskRunner.Outcome]]] {
        var samples: [[[TaskRunner.Outcome]]] = []
        for sample in 0..<settings.sampleCount {
            phase("sample \(sample + 1) of \(settings.sampleCount)")
            samples.append(
                try runner.run(examples, strategies(sample), sampling: settings.sampling(sample)) { progress($0) })
        }
        return samples
    }

    /// Scores and costs of methods that strategies decode.
    func results(
        _ methods: [ExperimentMethod], _ outcomes: MethodOutcomes, _ scoring: AnswerScoring, _ costs: DecodeCosts
    ) throws(TaperError) -> [MethodResult] {
        var results: [MethodResult] = []
        for (order, method) in methods.enumerated() {
            var result = try scoring.result(
                method, samples: outcomes.samples.map { $0.map { $0[order] } },
                followed: outcomes.followed.map { $0[order] })
            result.setCosts(costs)
            results.append(result)
        }
        return results
    }

    /// Expectations of switching at random: among the classes with equal chances, and as the learned scheduler does but
    /// without looking at the prompt.
    private func randomSwitches(_ results: [MethodResult], _ costs: DecodeCosts) -> [MethodResult] {
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
            return MethodResult.mixture(parts, label: label, kind: .random, costs: costs)
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
