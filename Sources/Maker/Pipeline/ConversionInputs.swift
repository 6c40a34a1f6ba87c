import Bundle
import Calibration
import Checkpoint
import Evaluation
import Scoring
import Model
import Quantization
import Runtime
import Storage
import Text

/// Everything a conversion reads but the weights, opened, parsed and checked before the first stage: what is wrong with a
/// recipe's files is said at once, not after an hour.
struct ConversionInputs {
    struct Task {
        let settings: TaskCalibrationSettings
        /// All text of its file.
        let source: SourceText
        let examples: [TaskExample]
        let prompts: PromptSizes
    }
    struct Learned {
        let text: SourceText
        let settings: LearnedSettings
    }
    struct Quality {
        let text: SourceText
        let rule: PerplexityProtocol
    }

    let recipe: Recipe
    let config: ModelConfig
    let calibration: CalibrationText?
    let ownText: OwnTextPlan?
    let tasks: [Task]
    let learned: Learned?
    let quality: Quality?
    let pack: PackPlan
    /// The calibration text's sequences for every use.
    private let sequences: [TextUse: TextInput]

    init(_ recipe: Recipe, checkpoint: Checkpoint, warn: (String) -> Void) throws(TaperError) {
        self.recipe = recipe
        config = checkpoint.config
        guard recipe.effectiveMethod != .joint || recipe.hasCalibration else {
            throw TaperError(
                .usage, "the method joint needs calibration text", at: "",
                remedy: "Name one with \(field("calibration")) or in the recipe, or choose the method k-means")
        }
        let tokenizer = try checkpoint.tokenizer()
        for warning in tokenizer.warnings { warn(warning) }
        let calibration =
            recipe.hasCalibration
            ? CalibrationText(
                try recipe.calibrationText.map { place throws(TaperError) in
                    try SourceText(place, sample: .calibrationSample)
                })
            : nil
        self.calibration = calibration
        let (pack, template) = try PackPlan.make(
            recipe, checkpoint: checkpoint, tokenizer: tokenizer, calibration: calibration, warn: warn)
        self.pack = pack
        var sequences: [TextUse: TextInput] = [:]
        var own: OwnTextPlan?
        if let calibration {
            let tokens = try calibration.tokens(tokenizer)
            for use in TextUse.allCases {
                let amount = use.amount(recipe, contextLength: config.contextLength)
                sequences[use] = TextInput(
                    tokens: try calibration.sequences(
                        of: tokens, start: tokenizer.startTokens, count: amount.count, length: amount.length),
                    ownLimit: amount.ownLimit, length: amount.length)
            }
            if recipe.ownSequences > 0 {
                own = try OwnText.plan(
                    tokenizer, text: tokens, count: recipe.ownSequences,
                    length: min(recipe.calibrationLength, config.contextLength), place: checkpoint.path)
            }
        }
        self.sequences = sequences
        ownText = own

        var tasks: [Task] = []
        for task in recipe.tasks {
            guard let path = task.dataPath else { continue }
            let metric = try TaskMetric(name: task.metric)
            let data = try CalibrationExamples(
                path, limit: task.examples, direction: task.direction, metric: metric, tokenizer: tokenizer,
                room: config.contextLength - task.maxNewTokens)
            let settings = TaskCalibrationSettings(
                task: task.name, metric: metric, maxNewTokens: task.maxNewTokens, tolerance: task.tolerance,
                kind: data.kind)
            if let warning = settings.warning { warn(warning) }
            let examples = data.examples
            var longest = 0
            for (index, example) in examples.enumerated() {
                do throws(TaperError) {
                    longest = max(longest, try example.tokens(tokenizer, template).count)
                } catch { throw error.at("task \(task.name): example \(index + 1)") }
            }
            guard longest + task.maxNewTokens <= config.contextLength else {
                throw TaperError(
                    .badData, "an example's prompt and answer exceed the model's context", at: "task " + task.name,
                    expected: "at most \(config.contextLength) tokens", found: "\(longest) + \(task.maxNewTokens)",
                    remedy: "Shorten the example or max_new_tokens")
            }
            tasks.append(
                Task(
                    settings: settings, source: try SourceText(path: path), examples: examples,
                    prompts: PromptSizes(count: examples.count, longest: longest)))
        }
        self.tasks = tasks
        learned = try recipe.learned.map { learned throws(TaperError) in
            var settings = LearnedSettings(precisions: learned.precisions.map { Precision(bits: $0) })
            settings.prompts = learned.prompts
            settings.maxNewTokens = learned.maxNewTokens
            settings.tolerance = learned.tolerance
            let text = try SourceText(path: learned.textPath)
            _ = try TextPrompts(
                text, tokenizer: tokenizer, count: settings.prompts, lengths: settings.lengths,
                seed: settings.training.seed)
            return Learned(text: text, settings: settings)
        }
        quality = try recipe.quality.map { [config] quality throws(TaperError) in
            let text = try SourceText(quality.text, sample: .heldoutSample)
            let rule = PerplexityProtocol(
                window: min(quality.window, config.contextLength), windowLimit: quality.windows)
            _ = try rule.windows(of: text.text, tokenizer: tokenizer, place: text.path)
            return Quality(text: text, rule: rule)
        }
    }

    /// Tokens of the calibration text that every use reads.
    var tokenCounts: [TextUse: Int] { sequences.mapValues(\.tokenCount) }

    /// Prompts of every task.
    var promptSizes: [String: PromptSizes] {
        Dictionary(tasks.map { ($0.settings.task, $0.prompts) }) { first, _ in first }
    }

    /// The sequences that a stage reads, beside them the model's own.
    func text(_ use: TextUse, own: Artifact<OwnText>?) throws(TaperError) -> TextInput {
        guard let text = sequences[use] else {
            throw TaperError(.internalFault, "a stage reads calibration text that there is not", at: "\(use)")
        }
        return text.with(own: own)
    }
}

// What the recipe says of a tensor, and of a model's tensors.
extension Recipe {
    /// Precisions asked of one tensor's nested code: the linear layers' set, or the embedding's own.
    var linearSettings: NestedSettings {
        // The joint method repairs what clusters lose by splitting, so it starts where the lowest precision is best.
        let seed = effectiveMethod == .joint ? nestedPrecisions.first : nil
        return NestedSettings(precisions: nestedPrecisions, seedBits: seed ?? seedBits)
    }

    /// The embedding and head serve precisions of their own; `joint` starts from the lowest, as for the layers.
    var embeddingSettings: NestedSettings {
        let seed = effectiveMethod == .joint ? embeddingPrecisions.first : nil
        return NestedSettings(
            precisions: embeddingPrecisions, seedBits: min(seed ?? seedBits, embeddingPrecisions.last ?? 8))
    }

    /// Of a head under the method `joint`. An embedding is also looked up, where all columns of a row count alike; a tied
    /// one gets more of that.
    func headSettings(_ config: ModelConfig) -> JointSettings {
        var joint = joint
        joint.damping = config.tiedEmbeddings ? 0.1 : joint.damping
        return joint
    }

    /// Whether any stage runs the full-precision model, which needs OpenBLAS.
    var needsFloatModel: Bool {
        hasCalibration || quality != nil || learned != nil
            || tasks.contains { $0.dataPath != nil && !(TaskMetric(rawValue: $0.metric)?.comparesTexts ?? true) }
    }

    enum Encoding { case vector, int8, nested }

    func encoding(of tensor: ModelConfig.TensorRequirement) -> Encoding {
        if tensor.shape.count == 1 { return .vector }
        return tensor.isLinear || embeddingPrecisions != [8] ? .nested : .int8
    }
}

extension SourceText {
    static let calibrationSample = SourceText(name: "calibration.txt", plain: SampleTexts.calibration)
    static let heldoutSample = SourceText(name: "heldout.txt", plain: SampleTexts.heldout)

    init(_ place: Recipe.TextPlace, sample: SourceText) throws(TaperError) {
        switch place {
        case .file(let path): try self.init(path: path)
        case .sample: self = sample
        }
    }
}
