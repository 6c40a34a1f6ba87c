public import Model

/// Draws tokens from logits.
public protocol TokenSampler {
    /// The token that follows, for logits [vocabularySize], which may be overwritten.
    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int
    /// How many of the largest logits the next draw depends on, beside those of `changedTokens`: with all others at minus infinity
    /// it is the same.
    var leadingLogits: Int { get }
    /// Tokens whose logits it changes before it looks for the largest.
    var changedTokens: [Int] { get }
    /// Whether what it draws is among `changedTokens` from then on.
    var changesDrawnTokens: Bool { get }
}

extension TokenSampler {
    public var leadingLogits: Int { Int.max }
    public var changedTokens: [Int] { [] }
    public var changesDrawnTokens: Bool { true }
}

/// What distinguishes one generation from another: the precision of its steps and how its tokens are chosen.
public protocol DecodePlan {
    associatedtype Executor: StepExecutor
    associatedtype Sampler: TokenSampler

    var sampler: Sampler { get set }
    /// Precision that reads the prompt.
    var prefillBits: Precision { get }
    /// Precision of decode step `step` (0-based), which reads the new token of that number; asked once the prompt has been
    /// read.
    func bits(atStep step: Int) -> Precision
    /// How steps are drafted ahead; nil: not at all.
    var speculation: Speculation? { get }
    /// How precision follows need, at most at `bits(atStep:)` but for loops; nil: not at all.
    var adaptive: AdaptiveRule? { get }
    /// The sequence holds the prompt and nothing after it: the moment to decide on what depends on the prompt.
    mutating func promptWasRead(by executor: Executor, _ sequence: Executor.Sequence)
}

extension DecodePlan {
    public var speculation: Speculation? { nil }
    public var adaptive: AdaptiveRule? { nil }
    public mutating func promptWasRead(by executor: Executor, _ sequence: Executor.Sequence) {}
}
