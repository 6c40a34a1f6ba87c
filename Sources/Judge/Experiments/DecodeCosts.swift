public import Model

/// What steps and prompts cost at every precision: measured once and the same for all methods, so that methods differ by what they
/// do and not by when they were timed.
public struct DecodeCosts: Sendable {
    /// Bytes of weights that a decode step reads.
    public let bytes: [Precision: Int]
    /// Seconds of a decode step of a single sequence.
    public let seconds: [Precision: Double]
    /// Tokens of every example's prompt.
    public let promptTokens: [Int]
    /// Seconds of a token of a prompt.
    public let promptSeconds: [Precision: Double]
    /// Tokens of a prompt that go through the weights together.
    public let promptRows: Int

    public init(
        bytes: [Precision: Int], seconds: [Precision: Double], promptTokens: [Int] = [],
        promptSeconds: [Precision: Double] = [:], promptRows: Int = 1
    ) {
        precondition(promptRows > 0, "a pass reads at least a token")
        self.bytes = bytes
        self.seconds = seconds
        self.promptTokens = promptTokens
        self.promptSeconds = promptSeconds
        self.promptRows = promptRows
    }

    /// Of reading an example's prompt.
    package func prompt(_ example: Int, bits: Precision) -> AnswerCost {
        let count = promptTokens[example]
        let passes = (count + promptRows - 1) / promptRows
        return AnswerCost(
            seconds: promptSeconds[bits].map { $0 * Double(count) }, bytes: Double(passes * (bytes[bits] ?? 0)))
    }

    /// Of decode steps, as many as given at every precision; sums are taken in a fixed order, so that last digits do not depend on a
    /// dictionary.
    package func steps(_ steps: [Precision: Double]) -> AnswerCost {
        let all = steps.sorted { $0.key < $1.key }
        return AnswerCost(
            seconds: all.allSatisfy { seconds[$0.key] != nil }
                ? all.reduce(0) { $0 + (seconds[$1.key] ?? 0) * $1.value } : nil,
            bytes: all.reduce(0) { $0 + Double(bytes[$1.key] ?? 0) * $1.value })
    }
}

/// Time and traffic of one answer, its prompt included.
public struct AnswerCost: Sendable, Equatable {
    /// nil where the speed of a precision is not known.
    public var seconds: Double?
    /// Bytes of weights.
    public var bytes: Double

    public init(seconds: Double?, bytes: Double) {
        self.seconds = seconds
        self.bytes = bytes
    }

    static func + (a: AnswerCost, b: AnswerCost) -> AnswerCost {
        AnswerCost(
            seconds: a.seconds.flatMap { mine in b.seconds.map { mine + $0 } }, bytes: a.bytes + b.bytes)
    }
    static func * (factor: Double, cost: AnswerCost) -> AnswerCost {
        AnswerCost(seconds: cost.seconds.map { factor * $0 }, bytes: factor * cost.bytes)
    }
}
