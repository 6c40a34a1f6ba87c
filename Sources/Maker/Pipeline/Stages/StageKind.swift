/// The stages of a conversion, in the order they run.
package enum StageKind: String, CaseIterable, Sendable {
    case range
    case ownText = "own-text"
    case arrange, sensitivity, guide
    case quantizeJointly = "quantize-jointly"
    case quantize, tune, pack, screen, rungs, calibrate, learned, quality

    /// In commands, keys, and the store's file names.
    package var name: String { rawValue }

    /// While it runs, and in estimates.
    package var title: String {
        switch self {
        case .ownText: "write own text"
        case .guide: "weigh positions"
        case .quantizeJointly: "quantize jointly"
        case .learned: "learned scheduler"
        case .screen: "screen the head"
        default: rawValue
        }
    }

    /// What it makes, for `taper stage list`.
    package var summary: String {
        switch self {
        case .range: "powers of two that bring keys and values into half precision"
        case .ownText: "calibration text that the model writes itself"
        case .arrange: "channels ordered by the size of their activations"
        case .sensitivity: "how much every input channel or weight counts"
        case .guide: "how much every position of the text counts"
        case .quantizeJointly: "codes and tables of a linear layer under the Hessian of its inputs"
        case .quantize: "codes and tables of any other matrix"
        case .tune: "tables of all linear layers, tuned end to end"
        case .pack: "the bundle, before anything is measured on it"
        case .screen: "what finds the head's largest logits from its leading bits"
        case .rungs: "mixed allocations between the precisions"
        case .calibrate: "switch points of a task"
        case .learned: "the scheduler that decides for every prompt"
        case .quality: "perplexity and divergence of every precision and schedule"
        }
    }
}
