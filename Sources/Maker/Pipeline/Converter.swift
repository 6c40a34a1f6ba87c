import Bundle
import Calibration
import Checkpoint
import Evaluation
import Kernels
import Model
import Quantization
import Reference
import Runtime
public import Storage
import Text

/// The whole pipeline from checkpoint to calibrated bundle: import, range, own text, arrange, quantize, tune, pack, rungs,
/// calibrate, quality.
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

        public init(threads: Int, workFolder: String?, restart: Bool, force: Bool, allowNonfinite: Bool) {
            self.threads = threads
            self.workFolder = workFolder
            self.restart = restart
            self.force = force
            self.allowNonfinite = allowNonfinite
        }
    }

    public static var chatTemplateNames: String { ChatTemplate.names.joined(separator: ", ") }

    let input: String
    let output: String
    let recipe: Recipe
    let options: Options
    let progress: Progress
    /// Channels in the checkpoint's order, until `arrange` finds a better one.
    var checkpoint: Checkpoint
    var channelOrder: ChannelOrder?
    /// nil: keys and values fit half precision as they are.
    var cacheScaling: CacheScaling?
    /// What is read besides the weights, parsed and checked.
    let inputs: ConversionInputs
    /// The model's own text once that is written.
    var ownSequences: [[Int]] = []
    /// Of the calibration text, from the pass that made Hessians, until the last stage that can use them has.
    var finalStates = FinalStates()
    let estimate: ConversionEstimate
    /// Of a recipe that may: what does not fit this machine, and why.
    let leftOut: [String]
    let work: WorkFolder
    let pool: ThreadPool
    var reused = 0
    var made = 0

    /// Opens and checks everything that can be checked before work starts.
    public init(input: String, output: String, recipe: Recipe, options: Options, progress: Progress) throws(TaperError)
    {
        self.input = input
        self.output = output
        self.options = options
        self.progress = progress
        var others = InputFiles()
        others.add(recipe)
        try Converter.checkOutput(output, input: input, others: others, force: options.force)
        progress.begin("import")
        checkpoint = try Checkpoint.open(input, options: .init(allowNonfinite: options.allowNonfinite))
        for warning in checkpoint.warnings { progress.warn(warning) }
        let memory = AvailableMemory.now
        let (fitted, leftOut) = try recipe.fitted(to: checkpoint, available: memory)
        for sentence in leftOut { progress.warn(sentence) }
        self.recipe = fitted
        self.leftOut = leftOut
        inputs = try ConversionInputs(fitted, checkpoint: checkpoint) { progress.warn($0) }
        pool = try ThreadPool(threadCount: options.threads)
        if let folder = options.workFolder {
            work = WorkFolder(path: folder)
        } else {
            work = WorkFolder(path: try WorkFolder.defaultPath())
        }
        work.report = { progress.note($0) }
        estimate = ConversionEstimate(
            fitted, checkpoint.config, storedBytes: checkpoint.tensors.reduce(0) { $0 + $1.byteCount },
            tokens: inputs.tokenCounts,
            operationsPerSecond: fitted.needsFloatModel ? try FloatArithmetic.operationsPerSecond(pool) : nil)
        try estimate.check(
            available: memory, place: checkpoint.path,
            disk: DiskSpace(workPath: work.path, outputPath: output))
        let parameters = checkpoint.tensors.reduce(0) { $0 + $1.elementCount }
        progress.end(
            "\(checkpoint.config.family), \(fixed(Double(parameters) / 1e6, 1)) million weights in "
                + "\(checkpoint.tensors.count) tensors (\(checkpoint.format))")
    }

    /// - Parameter others: files that are read beside `input`.
    static func checkOutput(
        _ output: String, input: String, others: InputFiles, force: Bool
    ) throws(TaperError) {
        guard !Files.same(input, output) else {
            throw TaperError(.usage, "the output is the input", at: output, remedy: "Choose another name with -o")
        }
        // Replacing a file of the checkpoint would destroy the input.
        guard !(Files.exists(output) && Files.same(input, Files.directory(of: output))) else {
            throw TaperError(
                .usage, "the output is a file of the checkpoint", at: output, remedy: "Choose another name with -o")
        }
        var inputs = others
        inputs.add(model: input, as: "the checkpoint")
        try inputs.check(output: output, remedy: "Choose another name with -o")
        if let status = FileStatus(path: output) {
            guard status.kind == .file else { throw TaperError(.cannotCreate, "the output is not a file", at: output) }
            guard force else {
                throw TaperError(
                    .cannotCreate, "the output already exists", at: output,
                    remedy: "Use \(field("force")) to replace it")
            }
        }
        let folder = Files.directory(of: output)
        guard Files.isDirectory(folder) else {
            throw TaperError(.cannotCreate, "the folder of the output does not exist", at: folder)
        }
    }

    /// Runs every stage.
    public func run() throws(TaperError) -> ConversionReport {
        let start = monotonicSeconds()
        // Held to the end: somebody may calibrate the bundle that is to be replaced.
        let lock = try BundleEdit.lock(output)
        defer { withExtendedLifetime(lock) {} }
        try work.open()
        progress.expect(estimate.stages.map { .init($0.name, $0.seconds) })
        for task in recipe.tasks where task.dataPath == nil {
            progress.warn(
                "task \(task.name) is left out: the recipe leaves its examples to you; give them with "
                    + "\(field("task_data")) \(task.name)=FILE, or add the task to the bundle with taper calibrate")
        }
        try scaleCache()
        let keys = try stageKeys()
        try writeOwnText(keys)
        try arrange(keys)
        let tensors = try tune(keys, try quantize(keys))
        finalStates = FinalStates()
        let bundlePath = try addRungs(keys, to: try pack(keys, tensors))
        let schedules = try calibrateTasks(keys, bundlePath)
        let learned = try trainLearned(keys, bundlePath)
        let texts = calibrationTexts()
        let quality = try measureQuality(keys, bundlePath, schedules, texts)
        progress.begin("write")
        var sections: [(section: String, value: JSONValue)] = []
        if let quality { sections.append((SectionName.quality, quality)) }
        if !schedules.isEmpty {
            sections.append((SectionName.schedules, .array(schedules.map(\.json))))
        }
        if !texts.sources.isEmpty { sections.append((SectionName.texts, texts.json)) }
        try rewriteBundle(
            from: bundlePath, to: output, documents: sections, learned: learned, replacing: options.force)
        let byteCount = FileStatus(path: output)?.byteCount ?? 0
        progress.end("\(output), \(byteText(byteCount))")
        return ConversionReport(
            output: output, byteCount: byteCount, seconds: monotonicSeconds() - start, madeCount: made,
            reusedCount: reused, peakResidentBytes: peakResidentBytes(), quality: quality, schedules: schedules)
    }

    /// Precisions of a bundle that a cut to `maxBits` leaves.
    /// - Throws: `usage` when that would cut nothing or everything.
    public static func precisionsKept(of input: String, maxBits: Int) throws(TaperError) -> [Int] {
        let all = try Bundle(path: input).manifest.precisions
        let kept = all.filter { $0 <= maxBits }
        guard !kept.isEmpty, kept.count < all.count else {
            throw TaperError(
                .usage, kept.isEmpty ? "the cut would leave nothing" : "there is nothing to cut", at: field("max_bits"),
                expected: "\(all.first ?? 2) to \((all.last ?? 8) - 1), as \(input) has "
                    + all.map(String.init).joined(separator: ", ") + " bits", found: String(maxBits))
        }
        return kept
    }

    /// Cuts an existing bundle to fewer bits; nothing is requantized. Returns the tasks whose schedules are left out.
    public static func cut(
        from input: String, to output: String, maxBits: Int, force: Bool
    ) throws(TaperError) -> [String] {
        try checkOutput(output, input: input, others: InputFiles(), force: force)
        _ = try precisionsKept(of: input, maxBits: maxBits)
        let lock = try BundleEdit.lock(output)
        defer { withExtendedLifetime(lock) {} }
        return try cutBundle(from: input, to: output, maxBits: maxBits, replacing: force)
    }

    /// The keys of all outputs; reads every weight once.
    package func stageKeys() throws(TaperError) -> StageKeys {
        progress.begin("read weights")
        let start = monotonicSeconds()
        let digests = try checkpoint.tensorDigests(inParallel: { pool.run($0, $1) }) { progress.update($0) }
        let byteCount = checkpoint.tensors.reduce(0) { $0 + $1.byteCount }
        let seconds = max(monotonicSeconds() - start, 1e-9)
        progress.end("\(byteText(byteCount)), \(fixed(Double(byteCount) / seconds / 1e9, 1)) GB/s")
        return try StageKeys(inputs, digests: digests, arithmetic: FloatArithmetic.name)
    }

    /// A stage's output from what is stored, or newly made and then stored. Stored content that makes no sense is made again.
    func stored<Output>(
        _ kind: String, _ key: ContentKey, make: () throws(TaperError) -> [UInt8],
        read: ([UInt8]) throws(TaperError) -> Output
    ) throws(TaperError) -> Output {
        if !options.restart, let bytes = work.load(kind, key) {
            if let output = try? read(bytes) {
                reused += 1
                return output
            }
            work.discard(kind, key)
        }
        try Interrupt.check("Run the same command again to go on")
        let bytes = try make()
        try work.store(bytes, kind, key)
        made += 1
        return try read(bytes)
    }

    /// The sequences that a stage reads.
    func sequences(_ use: TextUse) throws(TaperError) -> [[Int]] {
        let selection = try inputs.selection(use, own: nil)
        return selection.tokens + ownSequences.prefix(selection.ownLimit).map { Array($0.prefix(selection.length)) }
    }
}
