import Bundle
import Calibration
import Checkpoint
import Evaluation
import Kernels
import Scoring
import Model
import Quantization
import Reference
import Storage

/// Every stage of a conversion, built before the first one runs.
package struct ConversionGraph {
    package let model: ModelInput
    let range: Artifact<CacheScaling>
    let ownText: Artifact<OwnText>?
    let channels: Artifact<ChannelOrder>?
    let sensitivity: Artifact<[String: [Float]]>?
    let guide: Artifact<TokenWeights>?
    /// Of every tensor, in the model's order.
    let parts: [PackedPart]
    let tables: Artifact<TunedTables>?
    package let pack: Stage
    let screens: Artifact<[[UInt8]]>?
    let rungs: Artifact<JSONValue>?
    let schedules: [Artifact<CalibratedSchedule>]
    let learned: Artifact<LearnedScheduler>?
    let quality: Artifact<JSONValue>?

    /// - Parameters:
    ///   - digests: of every tensor's content.
    ///   - arithmetic: what computes in floats.
    init(
        _ inputs: ConversionInputs, _ checkpoint: Checkpoint, digests: [String: Digest], arithmetic: String
    ) throws(TaperError) {
        let recipe = inputs.recipe
        model = ModelInput(checkpoint, digests: digests, arithmetic: arithmetic)
        let range = Artifact(
            RangeStage(
                model: ModelInput(
                    checkpoint, digests: digests.filter { CacheScaling.reads($0.key) }, arithmetic: "", isWhole: false))
        )
        self.range = range
        let scaled = model.scaled(by: range)
        let own = inputs.ownText.map { Artifact(OwnTextStage(model: scaled, plan: $0)) }
        ownText = own
        let hasText = inputs.calibration != nil
        channels =
            hasText ? Artifact(ArrangeStage(model: scaled, text: try inputs.text(.arrange, own: own))) : nil
        // The model as all that follows reads it.
        let arranged = scaled.arranged(by: channels)

        let isJoint = recipe.effectiveMethod == .joint && hasText
        let statistics = hasText ? try inputs.text(.statistics, own: own) : nil
        guide =
            if isJoint, recipe.isGuided, let statistics { Artifact(GuideStage(model: arranged, text: statistics)) } else
            { nil }
        sensitivity =
            if !isJoint, let statistics {
                Artifact(
                    SensitivityStage(
                        model: arranged, text: statistics, gradients: recipe.effectiveMethod == .anyPrecision))
            } else { nil }

        let config = checkpoint.config
        let headText = isJoint ? try inputs.text(.head, own: own) : nil
        let check = HalfRangeCheck(isWanted: recipe.holdsHalf)
        let places = Self.linearPlaces(config)
        var parts: [PackedPart] = []
        for tensor in config.tensorRequirements() {
            guard let digest = digests[tensor.name] else {
                throw TaperError(.internalFault, "the tensor has no digest", at: tensor.name)
            }
            let input = TensorInput(tensor, checkpoint, digest: digest, range: range, channels: channels)
            switch recipe.encoding(of: tensor) {
            case .vector: parts.append(.vector(input))
            case .int8: parts.append(.bytes(name: tensor.name, Artifact(ByteTensorStage(tensor: input))))
            case .nested:
                let codes: Artifact<PackedMatrix>
                if tensor.isLinear, isJoint, let statistics, let place = places[tensor.name] {
                    codes = Artifact(
                        JointTensorStage(
                            layer: place.layer, part: place.part, rows: tensor.shape[0], columns: tensor.shape[1],
                            model: arranged, text: statistics, guide: guide, settings: recipe.linearSettings,
                            joint: recipe.joint, check: check))
                } else if tensor.name == config.headName, let headText {
                    codes = Artifact(
                        HeadStage(
                            name: tensor.name, model: arranged, text: headText, settings: recipe.embeddingSettings,
                            joint: recipe.headSettings(config)))
                } else {
                    codes = Artifact(
                        NestedTensorStage(
                            tensor: input,
                            settings: tensor.isLinear ? recipe.linearSettings : recipe.embeddingSettings,
                            sensitivity: tensor.isLinear ? sensitivity : nil,
                            check: HalfRangeCheck(isWanted: recipe.holdsHalf && tensor.isLinear)))
                }
                parts.append(
                    .nested(name: tensor.name, codes, half: tensor.isLinear && recipe.holdsHalf ? input : nil))
            }
        }
        self.parts = parts
        let linear = Set(places.keys)
        tables =
            hasText && !recipe.tuningPlans.isEmpty
            ? Artifact(
                TuneStage(
                    model: arranged,
                    linear: parts.compactMap { part in
                        if case .nested(let name, let codes, _) = part, linear.contains(name) { codes } else { nil }
                    },
                    others: parts.filter { $0.stage != nil && !linear.contains($0.name) },
                    embeddingPrecisions: recipe.embeddingPrecisions, text: try inputs.text(.tuning, own: own),
                    plans: recipe.tuningPlans)) : nil
        pack = Stage(
            PackStage(
                manifest: inputs.pack.manifest.json.bytes(), tokenizer: inputs.pack.tokenizer,
                sections: inputs.pack.documents.map(\.section),
                documents: inputs.pack.documents.map { $0.value.bytes() },
                parts: parts, tables: tables, range: range, channels: channels))

        let packed = BundleInput(pack: pack)
        let screens =
            hasText && recipe.screensHead && recipe.embeddingPrecisions != [8]
            ? Artifact(ScreenStage(bundle: packed, text: try inputs.text(.screen, own: own))) : nil
        self.screens = screens
        rungs =
            hasText && !recipe.rungs.isEmpty
            ? Artifact(
                RungStage(
                    bundle: packed, model: arranged, text: try inputs.text(.rungs, own: own), averages: recipe.rungs))
            : nil
        let bundle = BundleInput(pack: pack, rungs: rungs, screens: screens)
        let schedules = inputs.tasks.map { task in
            Artifact(
                ScheduleStage(
                    bundle: bundle, examples: task.examples, settings: task.settings,
                    reference: task.settings.metric.comparesTexts ? nil : arranged))
        }
        self.schedules = schedules
        learned = inputs.learned.map { learned in
            Artifact(
                LearnedStage(
                    bundle: bundle, model: arranged, text: SourceInput(source: learned.text, isNamed: false),
                    settings: learned.settings))
        }
        quality = inputs.quality.map { quality in
            Artifact(
                QualityStage(
                    bundle: bundle, model: arranged, text: SourceInput(source: quality.text, isNamed: true),
                    rule: quality.rule, schedules: schedules))
        }
    }

    private static func linearPlaces(_ config: ModelConfig) -> [String: (layer: Int, part: TensorName.Part)] {
        var places: [String: (layer: Int, part: TensorName.Part)] = [:]
        for layer in 0..<config.layerCount {
            for item in config.linearParts() { places[TensorName.weight(item.part, layer: layer)] = (layer, item.part) }
        }
        return places
    }

    /// Of the model's description and the content of all tensors.
    package var modelKey: ContentKey? { model.key }

    /// Stages whose outputs stand in the finished bundle beside the packed tensors.
    var results: [Stage] {
        [screens?.stage, rungs?.stage].compactMap { $0 } + schedules.map(\.stage)
            + [learned?.stage, quality?.stage].compactMap { $0 }
    }

    /// All stages in the order they run.
    package var stages: [Stage] {
        let first = [range.stage, ownText?.stage, channels?.stage, sensitivity?.stage, guide?.stage]
        let codes = parts.compactMap(\.stage)
        return first.compactMap { $0 } + codes.filter { $0.kind == .quantizeJointly }
            + codes.filter { $0.kind != .quantizeJointly } + [tables?.stage, pack].compactMap { $0 } + results
    }
}
