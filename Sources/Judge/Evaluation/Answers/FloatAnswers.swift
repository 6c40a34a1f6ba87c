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

    /// Sequences that decode together: a step's time is arithmetic from here on.
    private static let batchSize = 32

    /// - Parameter progress: hears the share of prompts that are answered.
    public init(
        _ model: ReferenceModel, prompts: [[Int]], limit: Int, stop: [Int], progress: (Double) -> Void
    ) throws(TaperError) {
        self.model = model
        tokens = [[Int]](repeating: [], count: prompts.count)
        readCounts = [Int](repeating: 0, count: prompts.count)
        states = [[Float]](repeating: [], count: prompts.count)
        for start in stride(from: 0, to: prompts.count, by: Self.batchSize) {
            let end = min(start + Self.batchSize, prompts.count)
            var heads: [FloatContinuation] = []
            for index in start..<end {
                try Interrupt.check("Nothing was written")
                let sequence = ReferenceSequence(model.config)
                let last = Array(try model.read(prompts[index], into: sequence).suffix(model.config.hiddenSize))
                states[index] = last
                let logits = try model.logits(ofStates: last)
                heads.append(FloatContinuation(index: index, sequence: sequence, first: FloatWriter.best(logits)))
                progress(0.6 * Double(index + 1) / Double(prompts.count) + 0.4 * Double(start) / Double(prompts.count))
            }
            try FloatWriter(model: model, limit: limit, stop: stop).write(heads) { index, state in
                states[index] += state
            }
            for head in heads {
                tokens[head.index] = head.tokens
                readCounts[head.index] = states[head.index].count / model.config.hiddenSize - 1
            }
            progress(Double(end) / Double(prompts.count))
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

/// One answer that a float model is writing.
final class FloatContinuation {
    let index: Int
    let sequence: ReferenceSequence
    /// What the model writes first.
    let first: Int
    /// Tokens written; the last one has not been read yet.
    var tokens: [Int] = []

    init(index: Int, sequence: ReferenceSequence, first: Int) {
        self.index = index
        self.sequence = sequence
        self.first = first
    }
}

/// Continues several sequences together.
struct FloatWriter {
    let model: ReferenceModel
    let limit: Int
    let stop: [Int]

    static func best(_ logits: [Float]) -> Int { best(logits, rows: 1).first ?? 0 }

    /// The most likely token of every row, the first of equals.
    static func best(_ logits: [Float], rows: Int) -> [Int] {
        let width = logits.count / max(1, rows)
        return logits.withUnsafeBufferPointer { values in
            (0..<rows).map { row in
                var best = row * width
                for index in row * width..<(row + 1) * width where values[index] > values[best] { best = index }
                return best - row * width
            }
        }
    }

    /// - Parameter each: hears the index and the final state of every token read.
    func write(_ answers: [FloatContinuation], each: (Int, ArraySlice<Float>) -> Void) throws(TaperError) {
        var live: [FloatContinuation] = []
        func take(_ answer: FloatContinuation, _ token: Int) {
            if stop.contains(token) { return }
            answer.tokens.append(token)
            if answer.tokens.count < limit { live.append(answer) }
        }
        for answer in answers { take(answer, answer.first) }
        let width = model.config.hiddenSize
        while !live.isEmpty {
            try Interrupt.check("Nothing was written")
            let current = live
            live = []
            let states = try model.step(current.map { $0.tokens[$0.tokens.count - 1] }, current.map(\.sequence))
            let chosen = Self.best(try model.logits(ofStates: states), rows: current.count)
            for (row, answer) in current.enumerated() {
                each(answer.index, states[row * width..<(row + 1) * width])
                take(answer, chosen[row])
            }
        }
    }
}
