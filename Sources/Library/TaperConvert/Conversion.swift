internal import Pipeline
internal import Storage
public import TaperRuntime

/// Makes a bundle of a checkpoint: a Hugging Face directory or a GGUF file.
///
/// Intermediate results stay in a folder, so that a conversion that was cancelled, or whose process died, goes on where it stopped
/// when the same is asked for again; conversions at once share what they make. The bundle appears complete or not at all.
public struct Conversion: Hashable, Sendable {
    /// Path of the checkpoint, and of the bundle.
    public var checkpoint: String
    public var output: String
    public var recipe: Recipe
    /// nil: every processor that this process may use.
    public var threads: Int?
    /// Folder of intermediate results; nil: the user's cache.
    public var workFolder: String?
    /// Replaces an output that exists.
    public var replacesOutput = false
    /// Makes every intermediate result again.
    public var restarts = false
    /// Reads NaN and infinite weights as zero, instead of an error.
    public var allowsNonfinite = false

    public init(of checkpoint: String, to output: String, recipe: Recipe = .standard()) {
        self.checkpoint = checkpoint
        self.output = output
        self.recipe = recipe
    }

    /// What it would take. Reads headers and texts, no weights.
    /// - Throws: what would stop it: files that are missing or make no sense, too little memory or disk.
    public func plan(progress: @escaping ProgressHandler = { _ in }) async throws(TaperRuntime.TaperError)
        -> ConversionPlan
    {
        try await onOwnThread { () throws(ModuleError) in
            ConversionPlan(try converter(progress).plan().json)
        }
    }

    /// Converts. Heavy work on threads of its own; the caller's task waits.
    /// - Parameter progress: hears of stages and warnings, from one thread at a time.
    /// - Throws: as `plan`; `cancelled` soon after the task is cancelled.
    public func run(progress: @escaping ProgressHandler = { _ in }) async throws(TaperRuntime.TaperError)
        -> ConversionReport
    {
        try await onOwnThread { () throws(ModuleError) in
            ConversionReport(try converter(progress).run())
        }
    }

    private func converter(_ progress: @escaping ProgressHandler) throws(ModuleError) -> Converter {
        try Converter(
            input: checkpoint, output: output, recipe: try recipe.settings(),
            options: .init(
                threads: try checkedThreads(threads), workFolder: workFolder, restart: restarts, force: replacesOutput,
                allowNonfinite: allowsNonfinite),
            progress: Pipeline.Progress(observer: { progress(ConversionEvent($0)) }))
    }

    /// Cuts a bundle to fewer bits; nothing is quantized again.
    /// - Returns: the tasks whose schedules were left out, because they use precisions that are gone.
    /// - Throws: `invalidArgument` where that would cut nothing or everything; `cannotCreate` for an output that exists.
    @discardableResult
    public static func cut(
        bundle: String, to output: String, maxBits: Int, replacesOutput: Bool = false
    ) async throws(TaperRuntime.TaperError) -> [String] {
        try await onOwnThread { () throws(ModuleError) in
            try Converter.cut(from: bundle, to: output, maxBits: maxBits, force: replacesOutput)
        }
    }
}

func checkedThreads(_ threads: Int?) throws(ModuleError) -> Int {
    guard let threads else { return processorCount() }
    guard (1...1024).contains(threads) else {
        throw ModuleError(
            .usage, "an impossible number of threads", at: "threads", expected: "1 to 1024", found: String(threads))
    }
    return threads
}
