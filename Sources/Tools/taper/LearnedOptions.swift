import ArgumentParser
import Bundle
import Calibration
import Evaluation
import Model
import Storage

/// Flags of the learned scheduler's training.
struct LearnedOptions: ParsableArguments {
    @Option(help: "Precisions to step down through, such as 6,4,3 (default: --bits-high and --bits-low).")
    var steps: String?
    @Option(help: "Prompts to cut from the text.") var prompts = 256
    @Flag(help: "Weigh rare classes as much as frequent ones.") var balanced = false
    @Option(help: "Seed of prompts, weights and dropout.") var seed: UInt64 = 1

    /// - Parameters:
    ///   - high: nil: 4 bits, or the highest precision below when there are no 4.
    ///   - low: nil: the next precision below `high`.
    func settings(
        _ bundle: Bundle, high: Precision?, low: Precision?, maxNewTokens: Int, tolerance: Double
    ) throws(TaperError)
        -> LearnedSettings
    {
        let available = try bundle.servedPrecisions()
        var precisions: [Precision]
        if let steps {
            guard high == nil, low == nil else {
                throw TaperError(
                    .usage, "--steps names all precisions", at: "--steps", remedy: "Drop --bits-high and --bits-low")
            }
            precisions = try Precision.list(parsing: steps, place: "--steps")
        } else {
            let top = high ?? available.last { $0 <= 4 } ?? available[0]
            guard let bottom = low ?? available.last(where: { $0 < top }) else {
                throw TaperError(
                    .usage, "there is no precision to step down to", at: bundle.path,
                    found: Precision.text(available), remedy: "Choose a higher --bits-high")
            }
            precisions = [top, bottom]
        }
        try OptionLimit.check("--prompts", prompts, 10...OptionLimit.prompts)
        var settings = LearnedSettings(precisions: precisions)
        settings.prompts = prompts
        settings.maxNewTokens = maxNewTokens
        settings.tolerance = tolerance
        settings.training.isBalanced = balanced
        settings.training.seed = seed
        return settings
    }
}
