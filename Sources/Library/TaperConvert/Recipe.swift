internal import Model
internal import Pipeline
internal import Storage
internal import TaperRuntime

/// What to make of a checkpoint: a recipe of the package or a file of one's own, and what differs from it.
public struct Recipe: Hashable, Sendable {
    /// How much time the quantizer may take for quality.
    public enum Effort: String, CaseIterable, Sendable {
        /// Seconds for a model of a hundred million weights.
        case fast
        /// Minutes.
        case `default`
        /// Within an hour.
        case best
    }

    private enum Base: Hashable {
        case standard
        case file(String)
    }

    private let base: Base
    /// nil: the recipe's own, as of the members below.
    public var effort: Effort?
    /// Of the linear layers: some of 2 to 8, and perhaps 16 beside them.
    public var precisions: [Int]?
    /// Of the embedding and head: some of 2 to 8; of several the largest is read that does not exceed the layers'.
    public var embeddingPrecisions: [Int]?
    /// Path of a text to calibrate the weights on: plain text or JSONL.
    public var calibrationText: String?
    /// Sequences that the model writes itself to be calibrated on, 0 to 65536; with the effort `fast` none.
    public var ownSequences: Int?
    /// Average bits between the precisions, such as 3.5, at which every matrix has bits of its own; needs a text to calibrate on.
    public var averageBits: [Double]?
    /// Trained beside the bundle.
    public var learnedScheduler: LearnedScheduler?
    /// Name of a chat format that replaces the checkpoint's.
    public var chatFormat: String?
    /// Paths of examples for tasks of the recipe, by the tasks' names.
    public var taskData: [String: String] = [:]
    /// Leaves out tasks, quality and the learned scheduler; of the standard recipe also the sample texts.
    public var omitsCalibration = false
    /// Leaves out measuring what the precisions cost in quality.
    public var omitsQuality = false

    private init(_ base: Base, effort: Effort?) {
        self.base = base
        self.effort = effort
    }

    /// Calibrated on sample texts that come with the package and on text of the model's own; what the machine has too little
    /// memory for is left out, and said in a warning.
    public static func standard(_ effort: Effort = .default) -> Recipe { Recipe(.standard, effort: effort) }

    /// A recipe file (`pipelines/*.json`); paths in it are relative to its own folder.
    public static func file(_ path: String) -> Recipe { Recipe(.file(path), effort: nil) }
}

extension Recipe {
    /// What the pipeline makes of it.
    func settings() throws(ModuleError) -> Pipeline.Recipe {
        var settings = try started()
        if let precisions {
            settings.precisions = precisions
            let codes = settings.nestedPrecisions
            settings.seedBits = min(max(settings.seedBits, codes.first ?? 2), codes.last ?? 8)
        }
        if let embeddingPrecisions { settings.embeddingPrecisions = embeddingPrecisions }
        if let calibrationText { settings.calibrationText = .file(calibrationText) }
        if let ownSequences {
            guard (0...65536).contains(ownSequences) else {
                throw ModuleError(
                    .usage, "an impossible number of sequences", at: "ownSequences", expected: "0 to 65536",
                    found: String(ownSequences))
            }
            settings.generatedSequences = ownSequences
            // Whoever asks for it does not want it left out.
            settings.leavesOut.remove(.ownText)
        }
        if let averageBits {
            settings.rungs = try averageBits.map { bits throws(ModuleError) in try Recipe.rung(bits) }
        }
        if let learnedScheduler { settings.learned = try learnedScheduler.settings() }
        if let chatFormat { settings.chatTemplate = chatFormat }
        for (task, path) in taskData.sorted(by: { $0.key < $1.key }) { try settings.setTaskData(task + "=" + path) }
        if omitsCalibration {
            settings.tasks = []
            settings.quality = nil
            settings.learned = nil
        }
        if omitsQuality { settings.quality = nil }
        try settings.validate(place: "recipe")
        return settings
    }

    private func started() throws(ModuleError) -> Pipeline.Recipe {
        let effort = effort.flatMap { Pipeline.Effort(rawValue: $0.rawValue) }
        switch base {
        case .file(let path):
            var settings = try Pipeline.Recipe(path: path)
            if let effort { settings.effort = effort }
            return settings
        case .standard where omitsCalibration:
            var settings = Pipeline.Recipe()
            settings.effort = effort ?? .default
            return settings
        case .standard: return .standard(effort ?? .default)
        }
    }
}
