import Bundle
import Checkpoint
import Evaluation
import Kernels
import Model
import Reference
public import Storage
import Text

/// The whole pipeline from checkpoint to calibrated bundle as a graph of stages (`ConversionGraph`), and what is around it: checks
/// before work starts, the store, the output.
///
/// Every stage's output is stored under a key made of all it depends on, so that unchanged work is not done again
/// and a killed run resumes after the last finished tensor. The output bundle appears complete or not at all.
public final class Converter {
    public struct Options: Sendable {
        public var threads: Int
        /// nil: the user's cache.
        public var workFolder: String?
        public var restart: Bool
        public var force: Bool
        public var allowNonfinite: Bool
        /// Bytes of memory to use, where more saves time; nil: as much as is needed.
        public var memory: Int?

        public init(
            threads: Int, workFolder: String?, restart: Bool, force: Bool, allowNonfinite: Bool, memory: Int? = nil
        ) {
            self.threads = threads
            self.workFolder = workFolder
            self.restart = restart
            self.force = force
            self.allowNonfinite = allowNonfinite
            self.memory = memory
        }

    }

    public static var chatTemplateNames: String { ChatTemplate.names.joined(separator: ", ") }

    let input: String
    /// nil: stages are run one by one, and no bundle is published.
    let output: String?
    let recipe: Recipe
    let options: Options
    let progress: Progress
    let checkpoint: Checkpoint
    /// What is read besides the weights, parsed and checked.
    let inputs: ConversionInputs
    let estimate: ConversionEstimate
    /// Of a recipe that may: what does not fit this machine, and why.
    let leftOut: [String]
    let budget: MemoryBudget
    package let store: ArtifactStore
    let pool: ThreadPool

    /// Opens and checks everything that can be checked before work starts.
    public init(
        input: String, output: String?, recipe: Recipe, options: Options, progress: Progress
    ) throws(TaperError) {
        self.input = input
        self.output = output
        self.options = options
        self.progress = progress
        if let output {
            var others = InputFiles()
            others.add(recipe)
            try Converter.checkOutput(output, input: input, others: others, force: options.force)
        }
        progress.begin("import")
        checkpoint = try Checkpoint.open(input, options: .init(allowNonfinite: options.allowNonfinite))
        for warning in checkpoint.warnings + checkpoint.roundingWarnings { progress.warn(warning) }
        pool = try ThreadPool(threadCount: options.threads)
        let memory = AvailableMemory.now.limited(to: options.memory)
        let rates =
            recipe.needsFloatModel
            ? try MachineRates(measuring: pool, joint: recipe.effectiveMethod == .joint) : nil
        let (fitted, leftOut, budget) = try recipe.fitted(
            to: checkpoint, available: memory, asked: options.memory, rates: rates)
        self.budget = budget
        for sentence in leftOut { progress.warn(sentence) }
        self.recipe = fitted
        self.leftOut = leftOut
        inputs = try ConversionInputs(fitted, checkpoint: checkpoint) { progress.warn($0) }
        store = try ArtifactStore(folder: options.workFolder)
        store.report = { progress.note($0) }
        estimate = ConversionEstimate(
            fitted, checkpoint.config, storedBytes: checkpoint.tensors.reduce(0) { $0 + $1.byteCount },
            tokens: inputs.tokenCounts, prompts: inputs.promptSizes, budget: budget, rates: rates)
        if let output {
            try estimate.check(
                available: memory, place: checkpoint.path,
                disk: DiskSpace(workPath: store.path, outputPath: output))
        }
        let parameters = checkpoint.tensors.reduce(0) { $0 + $1.elementCount }
        progress.end(
            "\(checkpoint.config.family), \(fixed(Double(parameters) / 1e6, 1)) million weights in "
                + "\(checkpoint.tensors.count) tensors (\(checkpoint.format))")
    }

    /// Every stage with its key; reads every weight once.
    package func graph() throws(TaperError) -> ConversionGraph {
        progress.begin("read weights")
        let start = monotonicSeconds()
        let digests = try checkpoint.tensorDigests(inParallel: { pool.run($0, $1) }) { progress.update($0) }
        let byteCount = checkpoint.tensors.reduce(0) { $0 + $1.byteCount }
        let seconds = max(monotonicSeconds() - start, 1e-9)
        let graph = try ConversionGraph(inputs, checkpoint, digests: digests, arithmetic: FloatArithmetic.name)
        progress.end("\(byteText(byteCount)), \(fixed(Double(byteCount) / seconds / 1e9, 1)) GB/s")
        return graph
    }

    /// - Parameter bundlePath: where a packed bundle will be published.
    package func runner(bundlePath: String, replacing: Bool) -> StageRunner {
        StageRunner(
            store, pool, budget, progress, restarts: options.restart, bundlePlace: (bundlePath, replacing))
    }

    /// Runs every stage and publishes the bundle.
    public func run() throws(TaperError) -> ConversionReport {
        guard let output else { throw TaperError(.internalFault, "there is no name for the bundle", at: input) }
        let start = monotonicSeconds()
        // Held to the end: somebody may calibrate the bundle that is to be replaced.
        let lock = try BundleEdit.lock(output)
        defer { withExtendedLifetime(lock) {} }
        try store.open()
        progress.expect(estimate.stages.map { .init($0.name, $0.seconds) })
        warnOfLeftOut()
        let graph = try graph()
        let runner = runner(bundlePath: output, replacing: options.force)
        try runner.run(graph.results)
        let texts = inputs.calibrationTexts()
        let results = try ConversionResults(graph, runner.workspace)
        try runner.run([graph.pack])
        for warning in results.warnings { progress.warn(warning) }
        progress.begin("write")
        try runner.workspace.takeDraft(graph.pack).publish(
            adding: results.documents(texts), learned: results.learned, headScreens: results.headScreens)
        let byteCount = FileStatus(path: output)?.byteCount ?? 0
        progress.end("\(output), \(byteText(byteCount))")
        let all = graph.stages.count { $0.kind != .pack }
        return ConversionReport(
            output: output, byteCount: byteCount, seconds: monotonicSeconds() - start,
            madeCount: runner.made.count, reusedCount: all - runner.made.count,
            peakResidentBytes: peakResidentBytes(), quality: results.quality, schedules: results.schedules)
    }

    private func warnOfLeftOut() {
        for task in recipe.tasks where task.dataPath == nil {
            progress.warn(
                "task \(task.name) is left out: the recipe leaves its examples to you; give them with "
                    + "\(field("task_data")) \(task.name)=FILE, or add the task to the bundle with taper calibrate")
        }
        if inputs.calibration == nil {
            progress.warn(
                "no calibration text, so every input channel counts the same; 2 and 3 bits suffer most. "
                    + "Name a text with \(field("calibration")) or in the recipe, or let the model write with \(field("generated"))"
            )
        }
        if let quality = inputs.quality {
            for warning in inputs.calibrationTexts().warnings(evaluating: quality.text) { progress.warn(warning) }
        }
    }
}
