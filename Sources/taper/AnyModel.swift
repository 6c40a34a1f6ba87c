import Bundle
import Checkpoint
import Kernels
import Model
import Reference
import Runtime
import Storage
import Text

/// A bundle or a checkpoint, for the commands that take either.
enum AnyModel {
    case bundle(Bundle)
    case checkpoint(Checkpoint)

    init(path: String) throws(TaperError) {
        switch try CheckpointFormat.detect(path) {
        case .bundle: self = .bundle(try Bundle(path: path))
        default: self = .checkpoint(try Checkpoint.open(path))
        }
    }

    var config: ModelConfig {
        switch self {
        case .bundle(let bundle): bundle.manifest.model
        case .checkpoint(let checkpoint): checkpoint.config
        }
    }

    func tokenizer() throws(TaperError) -> Tokenizer {
        switch self {
        case .bundle(let bundle):
            try Tokenizer(compact: try bundle.tokenizer(), place: bundle.path + ": section tokenizer")
        case .checkpoint(let checkpoint): try checkpoint.tokenizer()
        }
    }
}
