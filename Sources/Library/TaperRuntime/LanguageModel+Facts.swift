package import Bundle
internal import Chat
internal import Model
internal import Runtime
internal import Text
internal import Kernels

extension LanguageModel {
    /// What a bundle holds.
    public struct Facts: Sendable {
        public let path: String
        /// Bytes of the file.
        public let byteCount: Int
        /// "llama", "qwen2", ...
        public let family: String
        public let layerCount: Int
        public let vocabularySize: Int
        /// Positions the model was trained for.
        public let trainedContextLength: Int
        /// Positions that a prompt and its answer have together.
        public let contextLength: Int
        /// Ascending, rungs included.
        public let precisions: [Precision]
        /// Bytes of weights that decoding a token reads, by precision.
        public let bytesPerToken: [Precision: Int]
        /// Bytes of keys and values that a position of a prompt or an answer takes.
        public let cacheBytesPerToken: Int
        /// Calibrated for tasks.
        public let schedules: [StoredSchedule]
        public let hasLearnedScheduler: Bool
        /// Whether it has a rule for `PrecisionChoice.adaptive`.
        public let hasAdaptiveSchedule: Bool
        public let hasChatFormat: Bool
        /// Whether the chat format has a place for system messages; where not, they are dropped.
        public let readsSystemMessages: Bool
        /// Kernels in use, such as "avx512", and threads.
        public let instructionSet: String
        public let threadCount: Int
    }
}

/// A schedule that a bundle stores: what was found for one task.
public struct StoredSchedule: Sendable {
    /// Its name; `default` is the one for all prompts.
    public let task: String
    public let prefill: Precision
    public let switchPoints: [SwitchPoint]
    /// New tokens of the longest answer that it was calibrated on.
    public let maxTokens: Int
    public let averageBits: Double
    public let metric: String
    /// On the metric's scale: with the schedule, and with the highest precision.
    public let score: Double
    public let referenceScore: Double

    package init(_ record: CalibratedSchedule) {
        task = record.task
        prefill = Precision(record.schedule.prefillBits)
        switchPoints = record.schedule.steps.map { SwitchPoint($0) }
        maxTokens = record.maxNewTokens
        averageBits = record.averageBits
        metric = record.metric
        score = record.score
        referenceScore = record.referenceScore
    }
}

extension LanguageModel.Facts {
    init(_ bundle: Bundle, _ engine: Engine, _ template: ChatTemplate?) throws(ModuleError) {
        let model = bundle.manifest.model
        path = bundle.path
        byteCount = bundle.byteCount
        family = model.family
        layerCount = model.layerCount
        vocabularySize = model.vocabularySize
        trainedContextLength = model.contextLength
        contextLength = engine.contextLength
        precisions = engine.weights.served.map { Precision($0) }
        var bytes: [Precision: Int] = [:]
        for bits in engine.weights.served { bytes[Precision(bits)] = engine.weights.bytesPerToken(bits: bits) }
        bytesPerToken = bytes
        cacheBytesPerToken = engine.cacheBytesPerToken
        schedules = try bundle.schedules().map { StoredSchedule($0) }
        hasAdaptiveSchedule = try bundle.adaptiveSchedule() != nil
        hasLearnedScheduler = try bundle.learnedScheduler() != nil
        hasChatFormat = template != nil
        readsSystemMessages = template.map { $0.systemPlace != .dropped } ?? false
        instructionSet = engine.pool.instructionSet.name
        threadCount = engine.pool.threadCount
    }
}
