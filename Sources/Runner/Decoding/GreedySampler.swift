public import Kernels

/// The likeliest token, the first among equals: what a decode loop chooses by where nothing is drawn.
public struct GreedySampler: TokenSampler {
    private let operations: VectorOps

    public init(_ operations: VectorOps) { self.operations = operations }

    public var leadingLogits: Int { 1 }
    public var changesDrawnTokens: Bool { false }

    public func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        guard let base = logits.baseAddress else { preconditionFailure("no logits to sample from") }
        return operations.argmax(base, count: logits.count)
    }
}
