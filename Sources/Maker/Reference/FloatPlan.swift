public import Decoding
public import Model

/// Decoding by a float model: every step has its one precision.
public struct FloatPlan<Sampler: TokenSampler>: DecodePlan {
    public typealias Executor = ReferenceModel

    public var sampler: Sampler

    public init(_ sampler: Sampler) { self.sampler = sampler }

    public var prefillBits: Precision { .highest }
    public func bits(atStep step: Int) -> Precision { .highest }
}
