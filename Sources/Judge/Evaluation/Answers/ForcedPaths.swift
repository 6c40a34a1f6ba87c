import Kernels
public import Storage

/// Texts that a model is led along, with the distributions of the model that wrote them.
public struct ForcedPaths {
    /// Tokens of every example that are read, one a decode step.
    public let tokens: [[Int]]
    /// Logits of the writer after the prompt and after every one of the tokens, [tokens + 1][vocabularySize], of an example.
    public let logits: (Int) throws(TaperError) -> [Float]

    public init(tokens: [[Int]], logits: @escaping (Int) throws(TaperError) -> [Float]) {
        self.tokens = tokens
        self.logits = logits
    }
}

/// How far a model's distributions lie from those of the writer of a text, along that text.
public struct PathDivergence: Sendable, Equatable {
    /// Sum of KL divergences, in nats, and positions at which both models prefer the same token.
    public var sum = 0.0
    public var agreementCount = 0
    public var positionCount = 0

    public init() {}

    /// KL divergence per token.
    public var mean: Double { positionCount == 0 ? 0 : sum / Double(positionCount) }

    mutating func add(_ other: PathDivergence) {
        sum += other.sum
        agreementCount += other.agreementCount
        positionCount += other.positionCount
    }
}

/// The writer's distributions of one example, which all strategies are compared with.
final class PathComparison {
    let tokens: [Int]
    private let logits: [Float]
    private let vocabulary: Int
    private let ops: VectorOps
    /// Statistics of the position that is at hand.
    private var known: (position: Int, row: LogitComparison.Row)?

    init(_ paths: ForcedPaths, example: Int, ops: VectorOps) throws(TaperError) {
        tokens = paths.tokens[example]
        logits = try paths.logits(example)
        vocabulary = logits.count / (tokens.count + 1)
        self.ops = ops
    }

    private func row(_ position: Int) -> Range<Int> { position * vocabulary..<(position + 1) * vocabulary }

    /// Prepares comparisons after the prompt (0) or after a number of tokens. Not at the same time as `compare`.
    func prepare(_ position: Int) {
        if known?.position == position { return }
        logits.withUnsafeBufferPointer { all in
            known = (position, LogitComparison.Row(UnsafeBufferPointer(rebasing: all[row(position)]), ops: ops))
        }
    }

    /// Compares logits at the position prepared; by several threads at once.
    func compare(_ values: UnsafeBufferPointer<Float>, at position: Int) -> PathDivergence {
        guard let known, known.position == position else { preconditionFailure("the position was not prepared") }
        var comparison = LogitComparison()
        let statistics = LogitComparison.Row(values, ops: ops)
        logits.withUnsafeBufferPointer { all in
            comparison.add(
                row: statistics, logits: values, reference: known.row,
                referenceLogits: UnsafeBufferPointer(rebasing: all[row(known.position)]))
        }
        var result = PathDivergence()
        result.sum = comparison.divergences.reduce(0, +)
        result.agreementCount = comparison.agreementCount
        result.positionCount = 1
        return result
    }
}
