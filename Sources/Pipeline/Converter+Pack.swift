import Bundle
import Checkpoint
import Kernels
import Model
import Quantization
import Reference
import Storage
import Text

extension Converter {
    /// An uncalibrated bundle in the work folder.
    struct PackedBundle {
        let path: String
        let key: ContentKey
    }

    /// Puts the quantized tensors into one bundle, a tensor at a time.
    func pack(_ tensors: [StoredTensor]) throws(TaperError) -> PackedBundle {
        progress.begin("pack")
        let tokenizer = try checkpoint.tokenizer()
        let template = try chatTemplate(tokenizer)
        var model = checkpoint.config
        if let end = tokenizer.eosToken { model.eosTokens = Set(model.eosTokens + [end]).sorted() }
        for stop in template?.stops ?? [] {
            if let id = tokenizer.id(ofToken: stop), id < model.vocabularySize {
                model.eosTokens = Set(model.eosTokens + [id]).sorted()
            }
        }
        if model.bosToken == nil { model.bosToken = tokenizer.bosToken }
        let plans = zip(tensors, checkpoint.config.tensorRequirements()).map { stored, requirement in
            let encoding: TensorPlan.Encoding =
                switch stored.encoding {
                case .vector: .float
                case .int8: .int8
                case .nested:
                    requirement.isLinear
                        ? .nested(group: "linear", precisions: recipe.precisions)
                        : .nested(group: "fixed", precisions: embeddingSettings.precisions)
                }
            return TensorPlan(name: stored.name, shape: requirement.shape, encoding: encoding)
        }
        let manifest = Manifest(
            model: model, precisions: recipe.precisions, tensors: plans,
            provenance: provenance(template: template?.name))
        let compact = tokenizer.compact()
        var documents: [(section: String, value: JSONValue)] = template.map { [("chat", $0.json)] } ?? []
        if !checkpoint.chatTemplates.templates.isEmpty {
            documents.append((ChatTemplateSources.section, checkpoint.chatTemplates.json))
        }
        if let channelOrder { documents.append((ChannelOrder.section, channelOrder.json)) }
        var key = ContentKey(stage: "pack", version: 1)
        key.add(contentsOf: manifest.json.bytes())
        key.add(contentsOf: compact)
        for document in documents { key.add(contentsOf: document.value.bytes()) }
        for tensor in tensors { key.add(tensor.key.text) }
        key.add(checkpoint.fingerprint)
        let path = work.filePath("bundle", key)
        if !options.restart, Files.exists(path), (try? Bundle(path: path)) != nil {
            reused += 1
            progress.end("reused")
            return PackedBundle(path: path, key: key)
        }
        let writer = try BundleWriter(
            path: path, replacing: true, manifest: manifest, tokenizer: compact, documents: documents)
        for (index, (tensor, requirement)) in zip(tensors, checkpoint.config.tensorRequirements()).enumerated() {
            try Interrupt.check("Run the same command again to go on")
            switch tensor.encoding {
            case .vector: try writer.add(vector: try checkpoint.read(tensor.name), name: tensor.name)
            case .int8: try writer.add(try PackedInt8(workBytes: try bytes(of: tensor)))
            case .nested:
                try writer.add(try PackedMatrix(workBytes: try bytes(of: tensor)))
                // Rounding is as quick as reading it back would be, so it is not kept in the work folder.
                if requirement.isLinear, recipe.holdsHalf {
                    try writer.add(
                        try roundToHalf(
                            name: tensor.name, weights: try checkpoint.read(tensor.name), rows: requirement.shape[0],
                            columns: requirement.shape[1], pool: pool))
                }
            }
            progress.update(Double(index + 1) / Double(tensors.count), tensor.name)
        }
        try writer.finish()
        made += 1
        progress.end(byteText(FileStatus(path: path)?.byteCount ?? 0))
        return PackedBundle(path: path, key: key)
    }

    func bytes(of tensor: StoredTensor) throws(TaperError) -> [UInt8] {
        guard let bytes = work.load("tensor", tensor.key) else {
            throw TaperError(
                .inputOutput, "the stored tensor is gone or damaged", at: work.filePath("tensor", tensor.key),
                remedy: "Run again with --restart")
        }
        return bytes
    }

    /// The checkpoint's own chat format, or the one asked for. What differs from the checkpoint's template is never kept in
    /// silence.
    func chatTemplate(_ tokenizer: Tokenizer) throws(TaperError) -> ChatTemplate? {
        if let name = recipe.chatTemplate {
            guard let template = ChatTemplate.named(name) else {
                throw TaperError(
                    .usage, "unknown chat template", at: printable(name),
                    expected: ChatTemplate.names.joined(separator: ", "))
            }
            if let difference = checkpoint.chatDifference(of: template, tokenizer) {
                progress.warn("--chat-template \(name) is not the checkpoint's own chat template: \(difference)")
            }
            return template
        }
        let derivation = checkpoint.chatDerivation(tokenizer)
        for warning in derivation.warnings { progress.warn(warning) }
        if derivation.template == nil, !checkpoint.chatTemplates.templates.isEmpty {
            progress.warn(
                "no chat format is stored; --chat-template NAME stores one that you know to fit: "
                    + ChatTemplate.names.joined(separator: ", "))
        }
        return derivation.template
    }

    /// Facts that describe how the bundle was made; the same for the same input and options on any machine.
    private func provenance(template: String?) -> JSONValue {
        func hex(_ value: UInt64) -> JSONValue { .string(String(value, radix: 16)) }
        // Left out of bundles that have none, so that their bytes stay what they were.
        let own =
            recipe.ownSequences > 0
            ? [JSONValue.Member("calibration_generated", .integer(recipe.ownSequences))] : []
        return .object(
            [
                .init("source_format", .string(checkpoint.format)),
                .init("source_name", .string(Files.name(of: checkpoint.path))),
                .init("quantizer", .string(quantizerText)),
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
    private var quantizerText: String {
        let method = recipe.effectiveMethod
        var text = "nested codes, \(method.rawValue), seed \(linearSettings.seedBits), version "
        text += String(method == .joint ? Self.jointVersion : Self.quantizerVersion)
        let plans = recipe.tuningPlans.filter { $0.steps > 0 }
        if !plans.isEmpty {
            text += "; tables tuned, steps by bits " + plans.map { "\($0.bits): \($0.steps)" }.joined(separator: ", ")
            text += ", version \(Self.tuningVersion)"
        }
        return text
    }
}
