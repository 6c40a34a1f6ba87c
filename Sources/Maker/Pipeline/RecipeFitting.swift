package import Checkpoint
import Evaluation
import Model
package import Reference
package import Storage
import Text

extension Recipe {
    /// What `taper convert` makes where nobody names a recipe: what most people want of a checkpoint. Calibration on the
    /// sample text that comes with the program and on text of the model's own, and quality on another sample.
    ///
    /// `best` and `default` are those of `pipelines/chat.json` without its task; `fast` those of `pipelines/fast.json` at
    /// every precision.
    public static func standard(_ effort: Effort) -> Recipe {
        var recipe = Recipe()
        recipe.effort = effort
        recipe.calibrationText = .sample
        let isFast = effort == .fast
        recipe.quality = QualityText(text: .sample, window: isFast ? 256 : 512, windows: isFast ? 4 : 8)
        recipe.leavesOut = Set(Part.allCases)
        if isFast {
            recipe.calibrationSequences = 8
            recipe.calibrationLength = 256
        } else {
            recipe.embeddingPrecisions = [5, 6]
            recipe.generatedSequences = 32
        }
        return recipe
    }

    /// The sample texts that come with the program.
    package static var sampleTexts: (calibration: String, heldout: String) {
        (SampleTexts.calibration, SampleTexts.heldout)
    }

    /// Parts whose memory grows with the model.
    public enum Part: CaseIterable, Sendable {
        case tuning, guidance, ownText
    }

    /// The recipe without the parts that may be left out and do not fit, or whose sample text this model cannot read.
    /// - Parameters:
    ///   - available: bytes of memory; 0 when unknown.
    ///   - asked: bytes that may be used where more saves time.
    ///   - rates: of this machine, which say how large a weight is in products.
    /// - Returns: what was left out and why, a sentence each, and what the stages may use.
    package func fitted(
        to checkpoint: Checkpoint, available: AvailableMemory, asked: Int? = nil, rates: MachineRates? = nil
    ) throws(TaperError) -> (recipe: Recipe, leftOut: [String], budget: MemoryBudget) {
        var recipe = self
        var leftOut: [String] = []
        try recipe.dropUnreadableSamples(checkpoint, &leftOut)
        func estimated(_ recipe: Recipe, _ budget: MemoryBudget) -> ConversionEstimate {
            ConversionEstimate(recipe, checkpoint.config, storedBytes: 0, budget: budget, rates: rates)
        }
        // What more memory is for never is what something else is left out or refused for.
        let wished = asked.map { MemoryBudget(of: available.byteCount > 0 ? min($0, available.byteCount) : $0) }
        var best: (missing: Int, recipe: Recipe, leftOut: [String], budget: MemoryBudget)?
        for budget in [wished, .usual, .least].compactMap({ $0 }) {
            var (fitted, without) = (recipe, leftOut)
            fitted.drop(&without, available) { estimated($0, budget) }
            let over = estimated(fitted, budget).stages.count { $0.memoryBytes > available.byteCount }
            let missing = available.byteCount == 0 ? 0 : without.count + over
            if missing < best?.missing ?? Int.max { best = (missing, fitted, without, budget) }
        }
        guard let best else { return (recipe, leftOut, .usual) }
        return (best.recipe, best.leftOut, best.budget)
    }

    private mutating func drop(
        _ leftOut: inout [String], _ available: AvailableMemory, estimated: (Recipe) -> ConversionEstimate
    ) {
        guard available.byteCount > 0 else { return }
        for part in Part.allCases where leavesOut.contains(part) {
            let (stage, what) =
                switch part {
                case .tuning: ("tune", "tuning the tables")
                case .guidance: ("weigh positions", "weighing the text's positions")
                case .ownText: ("write own text", "the model's own text")
                }
            guard let needed = estimated(self).stages.first(where: { $0.name == stage })?.memoryBytes,
                needed > available.byteCount
            else { continue }
            switch part {
            case .tuning: tuning = []
            case .guidance: isGuided = false
            case .ownText: generatedSequences = 0
            }
            leftOut.append(
                "\(what) is left out: it needs \(byteText(needed)) of memory, and \(available.reason) has "
                    + byteText(available.byteCount))
        }
    }

    /// Sample texts are a courtesy: a model that cannot read them is converted without.
    private mutating func dropUnreadableSamples(
        _ checkpoint: Checkpoint, _ leftOut: inout [String]
    ) throws(TaperError) {
        guard calibrationText == .sample || quality?.text == .sample else { return }
        let tokenizer = try checkpoint.tokenizer()
        // What every sequence begins with, and one token of text at least.
        let (start, context) = (tokenizer.startTokens.count, checkpoint.config.contextLength)
        var reason = ""
        func tokenCount(_ text: SourceText) -> Int {
            do throws(TaperError) {
                return try tokenizer.encode(text.text, addSpecial: false, parseSpecial: false).count
            } catch {
                reason = " (" + error.message + ")"
                return 0
            }
        }
        if calibrationText == .sample {
            let count = tokenCount(.calibrationSample)
            if count < 2 || context < max(2, start + 1) {
                calibrationText = nil
                generatedSequences = 0
                leftOut.append(
                    "calibration is left out: the sample text gives this model \(count) tokens\(reason). "
                        + "Name a text of its own with \(field("calibration"))")
            }
        }
        if let quality, quality.text == .sample {
            let count = tokenCount(.heldoutSample)
            let window = min(quality.window, context)
            if window < max(2, start + 1) || start + count < window {
                self.quality = nil
                leftOut.append("quality is not measured: the sample text gives this model \(count) tokens\(reason)")
            }
        }
    }
}
