/// Normalized final states of sequences that a float model has read, [tokens * hiddenSize] each.
///
/// Stages that read the same sequences share them: a pass over the model is the dearest part of most stages. A sequence's
/// states do not depend on what else is read, so any of them can stand for a pass of its own, bit for bit.
public struct FinalStates: Sendable {
    private var bySequence: [[Int]: [Float]] = [:]

    public init() {}

    subscript(tokens: [Int]) -> [Float]? { bySequence[tokens] }

    mutating func add(_ states: [Float], of tokens: [Int]) { bySequence[tokens] = states }
}
