import Bundle
import Chat
import Checkpoint
import Model
import Quantization
import Storage
import Text

/// The parts of a bundle that are no weights, known before the first stage.
struct PackPlan {
    let manifest: Manifest
    /// In the bundle's own form.
    let tokenizer: [UInt8]
    /// Chat format and templates, where there are any; sections that stages find come later.
    let documents: [(section: String, value: JSONValue)]

    static func make(
        _ recipe: Recipe, checkpoint: Checkpoint, tokenizer: Tokenizer, calibration: CalibrationText?,
        warn: (String) -> Void
    ) throws(TaperError) -> (plan: PackPlan, template: ChatTemplate?) {
        let template = try chatTemplate(recipe, checkpoint, tokenizer, warn: warn)
        var model = checkpoint.config
        model.eosTokens = AnswerEnds(model, tokenizer, template).tokens.sorted()
        if model.bosToken == nil { model.bosToken = tokenizer.bosToken }
        let plans = checkpoint.config.tensorRequirements().map { requirement in
            let encoding: TensorPlan.Encoding =
                switch recipe.encoding(of: requirement) {
                case .vector: .float
                case .int8: .int8
                case .nested:
                    requirement.isLinear
                        ? .nested(group: Manifest.linearGroup, precisions: recipe.precisions)
                        : .nested(group: Manifest.fixedGroup, precisions: recipe.embeddingSettings.precisions)
                }
            return TensorPlan(name: requirement.name, shape: requirement.shape, encoding: encoding)
        }
        let manifest = Manifest(
            model: model, precisions: recipe.precisions, tensors: plans,
            provenance: provenance(recipe, checkpoint, calibration, template: template?.name))
        var documents: [(section: String, value: JSONValue)] = template.map { [(SectionName.chat, $0.json)] } ?? []
        if !checkpoint.chatTemplates.templates.isEmpty {
            documents.append((SectionName.templates, checkpoint.chatTemplates.json))
        }
        return (PackPlan(manifest: manifest, tokenizer: tokenizer.compact(), documents: documents), template)
    }

    /// The checkpoint's own chat format, or the one asked for. What differs from the checkpoint's template is never kept in
    /// silence.
    private static func chatTemplate(
        _ recipe: Recipe, _ checkpoint: Checkpoint, _ tokenizer: Tokenizer, warn: (String) -> Void
    ) throws(TaperError) -> ChatTemplate? {
        if let name = recipe.chatTemplate {
            guard let template = ChatTemplate.named(name) else {
                throw TaperError(
                    .usage, "unknown chat template", at: printable(name),
                    expected: ChatTemplate.names.joined(separator: ", "))
            }
            if let difference = checkpoint.chatDifference(of: template, tokenizer) {
                warn("\(field("chat_template")) \(name) is not the checkpoint's own chat template: \(difference)")
            }
            return template
        }
        let derivation = checkpoint.chatDerivation(tokenizer)
        for warning in derivation.warnings { warn(warning) }
        if derivation.template == nil, !checkpoint.chatTemplates.templates.isEmpty {
            warn(
                "no chat format is stored; \(field("chat_template")) NAME stores one that you know to fit: "
                    + ChatTemplate.names.joined(separator: ", "))
        }
        return derivation.template
    }

    /// Facts that describe how the bundle was made; the same for the same input and options on any machine and in any folder.
    private static func provenance(
        _ recipe: Recipe, _ checkpoint: Checkpoint, _ calibration: CalibrationText?, template: String?
    ) -> JSONValue {
        func hex(_ value: UInt64) -> JSONValue { .string(String(value, radix: 16)) }
        // Left out of bundles that have none, so that their bytes stay what they were.
        let own =
            recipe.ownSequences > 0
            ? [JSONValue.Member("calibration_generated", .integer(recipe.ownSequences))] : []
        return .object(
            [
                .init("source_format", .string(checkpoint.format)),
                .init("quantizer", .string(quantizerText(recipe))),
                .init("effort", .string(recipe.effort.rawValue)),
                .init(
                    "embedding_bits",
                    recipe.embeddingPrecisions.count == 1
                        ? .integer(recipe.embeddingPrecisions[0])
                        : .array(recipe.embeddingPrecisions.map { .integer($0) })),
                .init("calibration_text", calibration?.checksum.map(hex) ?? .null),
                .init("calibration_sequences", .integer(calibration?.source == nil ? 0 : recipe.calibrationSequences)),
                .init("calibration_length", .integer(calibration == nil ? 0 : recipe.calibrationLength)),
                .init("chat_template", template.map { .string($0) } ?? .null),
            ] + own)
    }

    /// Method, its settings and the tuning, for people.
    private static func quantizerText(_ recipe: Recipe) -> String {
        let method = recipe.effectiveMethod
        var text = "nested codes, \(method.rawValue), seed \(recipe.linearSettings.seedBits), version "
        text += String(method == .joint ? QuantizerVersion.joint : QuantizerVersion.nested)
        let plans = recipe.tuningPlans.filter { $0.steps > 0 }
        if !plans.isEmpty {
            text += "; tables tuned, steps by bits " + plans.map { "\($0.bits): \($0.steps)" }.joined(separator: ", ")
            text += ", version \(QuantizerVersion.tuning)"
        }
        return text
    }
}
