/// How an answer is written.
public struct AnswerOptions: Hashable, Sendable {
    /// New tokens at most; nil: until the model ends or the context is full.
    public var maxTokens: Int?
    public var sampling: Sampling
    public var precision: PrecisionChoice
    /// Precision that reads the prompt; nil: the schedule's own, or the highest.
    public var prefill: Precision?
    /// Drafts tokens at this precision and verifies several at once, while no other answer is written beside: the same answer,
    /// sooner. nil: every step by itself.
    public var draft: Precision?
    /// Texts that end the answer, themselves left out.
    public var stops: [String]
    /// Tells with every token its log probability and as many of the likeliest tokens, 0 to 20; nil: nothing of it.
    public var logProbabilities: Int?
    public var format = AnswerFormat.text
    /// Never lets the model end the answer.
    public var ignoresEnd = false
    /// Cuts what does not fit the context from the start of a text, where that is not a message, instead of an error.
    public var dropsOldest = false

    public init(
        maxTokens: Int? = nil, sampling: Sampling = .greedy, precision: PrecisionChoice = .automatic,
        prefill: Precision? = nil, stops: [String] = []
    ) {
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.precision = precision
        self.prefill = prefill
        self.stops = stops
    }
}
