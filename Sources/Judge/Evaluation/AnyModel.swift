public import Bundle
public import Checkpoint
public import Model
public import Storage
public import Text

/// A bundle or a checkpoint, for everything that takes either.
public enum AnyModel {
    case bundle(Bundle)
    case checkpoint(Checkpoint)

    public init(path: String) throws(TaperError) {
        switch try CheckpointFormat.detect(path) {
        case .bundle: self = .bundle(try Bundle(path: path))
        default: self = .checkpoint(try Checkpoint.open(path))
        }
    }

    /// What a checkpoint's reader has to say of it.
    public var warnings: [String] {
        switch self {
        case .bundle: []
        case .checkpoint(let checkpoint): checkpoint.warnings
        }
    }

    public var config: ModelConfig {
        switch self {
        case .bundle(let bundle): bundle.manifest.model
        case .checkpoint(let checkpoint): checkpoint.config
        }
    }

    public func tokenizer() throws(TaperError) -> Tokenizer {
        switch self {
        case .bundle(let bundle):
            try Tokenizer(compact: try bundle.tokenizer(), place: bundle.place(of: SectionName.tokenizer))
        case .checkpoint(let checkpoint): try checkpoint.tokenizer()
        }
    }

    /// The bundle's chat template, or the form derived from the checkpoint's own.
    public func chatTemplate() throws(TaperError) -> ChatTemplate? {
        switch self {
        case .bundle(let bundle):
            guard let json = try bundle.json(SectionName.chat) else { return nil }
            return try ChatTemplate(json: json, place: bundle.place(of: SectionName.chat))
        case .checkpoint(let checkpoint):
            return checkpoint.chatDerivation(try checkpoint.tokenizer()).template
        }
    }
}
