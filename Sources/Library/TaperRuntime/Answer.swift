internal import Decoding
internal import Chat
internal import Model
internal import Runtime

/// A finished answer, and what it cost.
public struct Answer: Sendable {
    /// Why it ended.
    public enum End: Sendable {
        /// The model ended it.
        case model
        /// A stop text was written.
        case stopText
        /// As many tokens as asked for.
        case length
        /// The context is full.
        case contextFull
        case cancelled
    }

    public let text: String
    /// New tokens, without one that ends the answer.
    public let tokens: [Int]
    public let end: End
    /// Tokens of the prompt that were read; those that had been read before are not among them.
    public let promptTokenCount: Int
    /// Tokens of the prompt that had been read before: for the same conversation, or for another prompt that began alike.
    public let reusedPromptTokenCount: Int
    /// Precision that read the prompt.
    public let prefill: Precision
    /// Precision of every decode step: one fewer than `tokens`, or as many when the model ended the answer.
    public let precisions: [Precision]
    /// Mean bits of the decode steps; those of the prefill where there was none.
    public let averageBits: Double
    /// Weights and cache read by a decode step, in the mean.
    public let bytesPerToken: Double
    public let prefillSeconds: Double
    public let decodeSeconds: Double
    /// Tokens that were drafted, and those of them that were right.
    public let draftedTokenCount: Int
    public let acceptedTokenCount: Int
    /// Of every token of `tokens`; empty unless asked for.
    public let logProbabilities: [TokenLogProbability]
    /// What chose the precisions: "fixed", "switch", "learned" or "static:TASK", and why it applied.
    public let schedule: (name: String, reason: String)
    /// What is to be said of an answer longer than any that its schedule was calibrated on; nil: nothing.
    public let warning: String?

    public var tokensPerSecond: Double { decodeSeconds > 0 ? Double(precisions.count) / decodeSeconds : 0 }

    /// Where the precision changed: the first step of every run of one precision.
    public var switchPoints: [SwitchPoint] {
        var points: [SwitchPoint] = []
        for (step, precision) in precisions.enumerated() where points.last?.precision != precision {
            points.append(SwitchPoint(precision, atStep: step))
        }
        return points
    }

    init(
        _ result: GenerationResult, text: String, end: End, choice: ScheduleChoice, reused: Int,
        logProbabilities: [TokenLogProbability]
    ) {
        self.text = text
        self.end = end
        tokens = result.tokens
        promptTokenCount = result.prefillTokens
        reusedPromptTokenCount = reused
        prefill = Precision(result.prefillBits)
        precisions = result.bitsPerStep.map { Precision($0) }
        averageBits = result.averageBits
        bytesPerToken = result.bytesPerToken
        prefillSeconds = result.prefillSeconds
        decodeSeconds = result.decodeSeconds
        draftedTokenCount = result.speculation.drafted + result.speculation.repeated
        acceptedTokenCount = result.speculation.accepted
        self.logProbabilities = logProbabilities
        schedule = (choice.name, choice.reason)
        warning = choice.warning(newTokens: result.tokens.count)
    }
}

/// What a new token adds to an answer.
public struct AnswerPiece: Sendable {
    /// Text that became final with the token: empty while a character is incomplete or a stop text may be under way.
    public let text: String
    /// nil for text that was held back to the end.
    public let token: Int?
    /// Precision of the step that made the token.
    public let precision: Precision
    /// Mean bits of the decode steps so far; those of the prefill before the first.
    public let averageBits: Double
    /// Of the token; nil unless asked for.
    public let logProbability: TokenLogProbability?
    /// Whether the next piece is there already: who passes pieces on may wait for it, and pass on both at once.
    package internal(set) var isFollowed = false
}
