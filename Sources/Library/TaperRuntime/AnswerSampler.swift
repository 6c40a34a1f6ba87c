internal import Decoding
internal import Model
internal import Runtime

/// The runner's sampler, and what only the library offers: log probabilities, and answers of a given format.
struct AnswerSampler: TokenSampler {
    private(set) var drawing: Sampler
    /// Alternatives that are told with log probabilities; nil: none of it.
    private let alternatives: Int?
    /// Of the token drawn last.
    private(set) var logProbability: TokenLogProbability?
    /// nil for plain text.
    private(set) var json: JSONConstraint?

    init(_ drawing: Sampler, alternatives: Int?, json: JSONConstraint?) {
        self.drawing = drawing
        self.alternatives = alternatives
        self.json = json
    }

    var changedTokens: [Int] { drawing.changedTokens }
    var changesDrawnTokens: Bool { drawing.changesDrawnTokens }
    var leadingLogits: Int { alternatives == nil && json == nil ? drawing.leadingLogits : Int.max }

    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        // Before anything is forbidden.
        let ranking = alternatives.map { TokenRanking(UnsafeBufferPointer(logits), count: $0) }
        json?.forbid(in: logits)
        // What comes after the draw wants the logits as they were.
        let isPlain = ranking == nil && json == nil
        var token = isPlain ? drawing.sample(logits) : drawing.sample(UnsafeBufferPointer(logits))
        if json?.take(token) == false {
            // Biases have left nothing else, or rounding has drawn what had no chance.
            for bias in drawing.settings.logitBias where bias.value == -.infinity { logits[bias.token] = -.infinity }
            token = json?.takeLikeliest(logits) ?? token
        }
        if let ranking { logProbability = ranking.of(token, logit: logits[token]) }
        return token
    }
}

/// The runner's plan with that sampler.
struct AnswerPlan: DecodePlan {
    typealias Executor = Engine

    var sampler: AnswerSampler
    private var scheduled: ScheduledPlan

    init(_ scheduler: DecodeScheduler, sampler: AnswerSampler, maxNewTokens: Int, speculation: Speculation?) {
        self.sampler = sampler
        scheduled = ScheduledPlan(
            scheduler, sampler: sampler.drawing, maxNewTokens: maxNewTokens, speculation: speculation)
    }

    var prefillBits: Model.Precision { scheduled.prefillBits }
    var speculation: Speculation? { scheduled.speculation }
    var adaptive: AdaptiveRule? { scheduled.adaptive }
    func bits(atStep step: Int) -> Model.Precision { scheduled.bits(atStep: step) }
    mutating func promptWasRead(by engine: Engine, _ sequence: TokenSequence) {
        scheduled.promptWasRead(by: engine, sequence)
    }
}
