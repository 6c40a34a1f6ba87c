import Bundle
import Calibration
import Checkpoint
import Evaluation
import Metrics
import Model
import Quantization
import Reference
import Storage

/// The key of every output a conversion makes, known before the first stage runs.
///
/// This is the one place where keys are made. A stage's facts are whole settings, the tokens it reads, digests of the
/// weights it reads, and the keys of outputs it reads; the rest of the recipe does not count.
package struct StageKeys {
    /// The whole model as other stages read it: its description and the content of all tensors.
    package private(set) var model: ContentKey
    package private(set) var ownText: ContentKey?
    package private(set) var channels: ContentKey?
    package private(set) var sensitivity: ContentKey?
    package private(set) var guide: ContentKey?
    /// By tensor: its codes as the quantizer leaves them; for vectors, what they are.
    package private(set) var codes: [String: ContentKey] = [:]
    package private(set) var tuning: ContentKey?
    /// By tensor: what is packed.
    package private(set) var tensors: [String: ContentKey] = [:]
    package private(set) var packed: ContentKey
    package private(set) var rungs: ContentKey?
    /// By task.
    package private(set) var schedules: [String: ContentKey] = [:]
    package private(set) var learned: ContentKey?
    package private(set) var quality: ContentKey?

    /// All of them by the names of their stages; those of tensors are one.
    package var byStage: [String: String] {
        func one(_ keys: [String: ContentKey]) -> String? {
            keys.isEmpty ? nil : ContentKey("all", version: 1, ["keys": keys]).text
        }
        let all: [(String, String?)] = [
            ("import", model.text), ("own text", ownText?.text), ("arrange", channels?.text),
            ("sensitivity", sensitivity?.text), ("guide", guide?.text), ("quantize", one(codes)),
            ("tune", tuning?.text), ("pack", packed.text), ("rungs", rungs?.text), ("calibrate", one(schedules)),
            ("learned", learned?.text), ("quality", quality?.text),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, key in key.map { (name, $0) } })
    }
}

extension StageKeys {
    /// - Parameters:
    ///   - digests: of every tensor's content.
    ///   - arithmetic: what computes in floats; its last bits are in every result of the float model.
    init(_ work: ConversionInputs, digests: [String: Digest], arithmetic: String) throws(TaperError) {
        let recipe = work.recipe
        let config = work.config
        model = ContentKey("import", version: 1, ["config": config, "tensors": digests, "arithmetic": arithmetic])
        packed = model
        func text(_ use: TextUse) throws(TaperError) -> TextSelection { try work.selection(use, own: ownText) }

        if let own = work.ownText {
            ownText = ContentKey("own text", version: 2, ["model": model, "plan": own])
        }
        let hasText = work.calibration != nil
        if hasText { channels = ContentKey("channels", version: 3, ["model": model, "text": try text(.arrange)]) }
        // The model as all that follows reads it.
        let arranged = ContentKey("arranged", version: 1, ["model": model, "channels": channels as Any])

        let method = recipe.effectiveMethod
        if method == .joint, hasText {
            if recipe.isGuided {
                guide = ContentKey(
                    "guide", version: 2,
                    ["model": arranged, "text": try text(.statistics), "seed": Converter.guideSeed])
            }
        } else if hasText {
            sensitivity = ContentKey(
                "sensitivity", version: 2,
                ["model": arranged, "text": try text(.statistics), "gradients": method == .anyPrecision])
        }
        let statistics = method == .joint && hasText ? try text(.statistics) : nil
        let headText = method == .joint && hasText ? try text(.head) : nil
        for tensor in config.tensorRequirements() {
            let content = digests[tensor.name] as Any
            switch recipe.encoding(of: tensor) {
            case .vector, .int8:
                codes[tensor.name] = ContentKey(
                    "tensor", version: Converter.quantizerVersion,
                    [
                        "name": tensor.name, "content": content, "channels": channels as Any,
                        "encoding": recipe.encoding(of: tensor),
                    ])
            case .nested:
                let settings = tensor.isLinear ? recipe.linearSettings : recipe.embeddingSettings
                if tensor.isLinear, method == .joint {
                    codes[tensor.name] = ContentKey(
                        "joint", version: Converter.jointVersion,
                        [
                            "name": tensor.name, "model": arranged, "text": statistics as Any, "guide": guide as Any,
                            "settings": settings, "joint": recipe.joint,
                        ])
                } else if tensor.name == config.headName, let headText {
                    codes[tensor.name] = ContentKey(
                        "head", version: Converter.jointVersion,
                        [
                            "name": tensor.name, "model": arranged, "text": headText, "settings": settings,
                            "joint": recipe.headSettings(config),
                        ])
                } else {
                    codes[tensor.name] = ContentKey(
                        "nested", version: Converter.quantizerVersion,
                        [
                            "name": tensor.name, "content": content, "channels": channels as Any,
                            "settings": settings, "sensitivity": (tensor.isLinear ? sensitivity : nil) as Any,
                        ])
                }
            }
        }
        tensors = codes
        if hasText, !recipe.tuningPlans.isEmpty {
            let key = ContentKey(
                "tune", version: Converter.tuningVersion,
                [
                    "model": arranged, "codes": codes, "text": try text(.tuning), "plans": recipe.tuningPlans,
                    "embedding": recipe.embeddingPrecisions,
                ])
            tuning = key
            for tensor in config.tensorRequirements() where tensor.isLinear {
                tensors[tensor.name] = ContentKey("tuned", version: 1, ["tuning": key, "name": tensor.name])
            }
        }
        let pack = work.pack
        packed = ContentKey(
            "pack", version: 2,
            [
                "manifest": pack.manifest.json.bytes(), "tokenizer": pack.tokenizer,
                "sections": pack.documents.map(\.section), "documents": pack.documents.map { $0.value.bytes() },
                "tensors": tensors, "channels": channels as Any,
                // Beside the codes stand the weights themselves.
                "halves": (recipe.holdsHalf ? digests : nil) as Any,
            ])
        if !recipe.rungs.isEmpty, hasText {
            rungs = ContentKey(
                "rungs", version: Converter.rungVersion,
                ["bundle": packed, "model": arranged, "text": try text(.rungs), "averages": recipe.rungs])
        }
        let bundle = rungs ?? packed
        for task in work.tasks {
            schedules[task.settings.task] = ContentKey(
                "calibrate", version: 6,
                [
                    "bundle": bundle, "examples": task.examples, "settings": task.settings,
                    "reference": (task.settings.metric.comparesTexts ? nil : arranged) as Any,
                ])
        }
        if let learned = work.learned {
            self.learned = ContentKey(
                "learned", version: 2,
                ["bundle": bundle, "model": arranged, "text": learned.text.text, "settings": learned.settings])
        }
        if let quality = work.quality {
            self.quality = ContentKey(
                "quality", version: 4,
                [
                    "bundle": bundle, "model": arranged, "text": quality.text.text, "name": quality.text.name,
                    "checksum": quality.text.checksum, "rule": quality.rule, "schedules": schedules,
                ])
        }
    }
}
