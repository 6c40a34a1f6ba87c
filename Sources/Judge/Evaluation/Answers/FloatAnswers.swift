import Decoding
import Kernels
import Model
public import Reference
public import Storage

/// Greedy answers of a float model to some prompts, with the states from which its distributions are one product away.
public struct FloatAnswers {
    /// Without stop tokens.
    public private(set) var tokens: [[Int]]
    /// Tokens that were read to write the answer: all of them, but not the last of an answer that was cut at the limit.
    public private(set) var readCounts: [Int]
    /// Normalized final states after the prompt and after every token read, [read + 1][hiddenSize].
    private var states: [[Float]]
    private let model: ReferenceModel

    /// - Parameter progress: hears the share of prompts that are answered.
    public init(
        _ model: ReferenceModel, prompts: [[Int]], limit: Int, stop: [Int], progress: (Double) -> Void
    ) throws(TaperError) {
        self.model = model
        tokens = [[Int]](repeating: [], count: prompts.count)
        readCounts = [Int](repeating: 0, count: prompts.count)
        states = [[Float]](repeating: [], count: prompts.count)
        try model.answer(prompts, limit: limit, stop: stop, keepsStates: true, progress: progress) {
            tokens[$0] = $1.tokens
            states[$0] = $1.sequence.states
            readCounts[$0] = $1.bitsPerStep.count
        }
    }

    /// What others are led along: the tokens read, and the distributions behind them.
    public var paths: ForcedPaths {
        let (model, states) = (model, states)
        return ForcedPaths(tokens: zip(tokens, readCounts).map { Array($0.prefix($1)) }) { example throws(TaperError) in
            try model.logits(ofStates: states[example])
        }
    }
}
