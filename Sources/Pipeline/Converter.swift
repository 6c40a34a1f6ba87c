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

/// The whole pipeline from checkpoint to calibrated bundle: import, own text, arrange, quantize, tune, pack, rungs,
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
    /// With the model's own text once that is written.
    var calibration: CalibrationText?
    let work: WorkFolder
    let pool: ThreadPool
    var reused = 0
    var made = 0

    /// Opens and checks everything that can be checked before work starts.
    public init(input: String, output: String, recipe: Recipe, options: Options, progress: Progress) throws(TaperError)
    {
        self.input = input
        self.output = output
        self.recipe = recipe
        self.options = options
        self.progress = progress
        var inputs = InputFiles()
        inputs.add(recipe)
        try Converter.checkOutput(output, input: input, others: inputs, force: options.force)
        for task in recipe.tasks { if let path = task.dataPath { _ = try Files.read(path, limit: 1 << 30) } }
        calibration = recipe.hasCalibration ? try CalibrationText(path: recipe.calibrationPath) : nil
        progress.begin("import")
        checkpoint = try Checkpoint.open(input, options: .init(allowNonfinite: options.allowNonfinite))
        for warning in checkpoint.warnings { progress.warn(warning) }
        pool = try ThreadPool(threadCount: options.threads)
        if let folder = options.workFolder {
            work = try WorkFolder(path: folder)
        } else {
            work = try WorkFolder(path: try WorkFolder.defaultPath())
        }
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
                    .cannotCreate, "the output already exists", at: output, remedy: "Use --force to replace it")
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
        try writeOwnText()
        try arrange()
        let quantized = try tune(try quantize())
        let packed = try addRungs(try pack(quantized))
        let schedules = try calibrateTasks(packed)
        let learned = try trainLearned(packed)
        let texts = try calibrationTexts()
        let quality = try measureQuality(packed, schedules, texts)
        progress.begin("write")
        var sections: [(section: String, value: JSONValue)] = []
        if let quality { sections.append(("quality", quality)) }
        if !schedules.isEmpty {
            sections.append(("schedules", .array(schedules.map(\.json))))
        }
        if !texts.sources.isEmpty { sections.append((CalibrationTexts.section, texts.json)) }
        try rewriteBundle(
            from: packed.path, to: output, documents: sections, learned: learned, replacing: options.force)
        let byteCount = FileStatus(path: output)?.byteCount ?? 0
        progress.end("\(output), \(byteText(byteCount))")
        return ConversionReport(
            output: output, byteCount: byteCount, seconds: monotonicSeconds() - start, madeCount: made,
            reusedCount: reused, peakResidentBytes: peakResidentBytes(), quality: quality, schedules: schedules)
    }

    /// Cuts an existing bundle to fewer bits; nothing is requantized.
    public static func cut(from input: String, to output: String, maxBits: Int, force: Bool) throws(TaperError) {
        try checkOutput(output, input: input, others: InputFiles(), force: force)
        let lock = try BundleEdit.lock(output)
        defer { withExtendedLifetime(lock) {} }
        try cutBundle(from: input, to: output, maxBits: maxBits, replacing: force)
    }

    /// Stored bytes of a stage, or newly made ones that are then stored.
    func stored(
        _ kind: String, _ key: ContentKey, make: () throws(TaperError) -> [UInt8]
    ) throws(TaperError) -> [UInt8] {
        if !options.restart, let bytes = work.load(kind, key) {
            reused += 1
            return bytes
        }
        try Interrupt.check("Run the same command again to go on")
        let bytes = try make()
        try work.store(bytes, kind, key)
        made += 1
        return bytes
    }

    /// Precisions asked of one tensor's nested code: the linear layers' set, or the embedding's own.
    var linearSettings: NestedSettings {
        // The joint method repairs what clusters lose by splitting, so it starts where the lowest precision is best.
        let seed = recipe.effectiveMethod == .joint ? recipe.nestedPrecisions.first : nil
        return NestedSettings(precisions: recipe.nestedPrecisions, seedBits: seed ?? recipe.seedBits)
    }
}
