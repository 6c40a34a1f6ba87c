public import Evaluation
public import Kernels
import Bundle
import Checkpoint
import Model
public import Reference
public import Runtime
public import Storage
import Text

/// Scores of greedy answers to the examples of a task, of one precision, schedule or checkpoint.
public struct AnswerScores: Sendable {
    public var label: String
    /// Against the examples' references; empty for a metric that has no use for them.
    public var scores: [Double] = []
    /// Against the full-precision model's answers; empty without one.
    public var fullScores: [Double] = []
    /// Mean over decode steps of all answers; nil for checkpoints.
    public var averageBits: Double?
    /// Mean bytes of weights read per decode step; of checkpoints those stored.
    public var bytesPerToken: Int?
    /// Mean length of the answers.
    public var averageTokens = 0.0
    public var texts: [String] = []

    public init(label: String) { self.label = label }

    /// Mean, and its standard error s / sqrt(n) over examples; nil without scores.
    public static func summary(_ scores: [Double]) -> (mean: Double, standardError: Double)? {
        guard !scores.isEmpty else { return nil }
        let count = Double(scores.count)
        let mean = scores.reduce(0, +) / count
        let squares = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, scores.count < 2 ? 0 : (squares / (count - 1) / count).squareRoot())
    }

    /// Mean difference to another result on the same examples, and its standard error: examples that are hard for both cancel.
    public func difference(to other: AnswerScores) -> (mean: Double, standardError: Double)? {
        let (mine, theirs) = scores.isEmpty ? (fullScores, other.fullScores) : (scores, other.scores)
        guard mine.count == theirs.count else { return nil }
        return Self.summary(zip(mine, theirs).map { $0 - $1 })
    }

    /// - Parameter first: what differences are to.
    public func json(comparedWith first: AnswerScores?) -> JSONValue {
        func pair(_ value: (mean: Double, standardError: Double)?) -> JSONValue {
            guard let value else { return .null }
            return .object([
                .init("mean", .number(round6(value.mean))),
                .init("standard_error", .number(round6(value.standardError))),
            ])
        }
        return .object([
            .init("label", .string(label)),
            .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
            .init("average_bits", averageBits.map { .number(round6($0)) } ?? .null),
            .init("average_tokens", .number(round6(averageTokens))),
            .init("references", pair(Self.summary(scores))),
            .init("full_precision", pair(Self.summary(fullScores))),
            .init("difference", pair(first.flatMap { difference(to: $0) })),
            .init("scores", .array(scores.map { .number(round6($0)) })),
            .init("full_precision_scores", .array(fullScores.map { .number(round6($0)) })),
            .init("answers", .array(texts.map { .string($0) })),
        ])
    }
}

/// Greedy answers of a bundle under every schedule, or of a checkpoint, to all examples, scored.
///
/// - Parameters:
///   - schedules: ignored for a checkpoint.
///   - reference: the full-precision model whose answers are compared with as well; its own result comes first.
/// - Throws: `usage` for a metric that needs a reference where there is none, or for models that render prompts differently.
public func evaluateGeneration(
    _ model: AnyModel, schedules: [(label: String, schedule: PrecisionSchedule)], examples: [TaskExample],
    metric: TaskMetric, maxNewTokens: Int, reference: ReferenceModel?, pool: ThreadPool, place: String,
    progress: (Double) -> Void
) throws(TaperError) -> [AnswerScores] {
    guard metric != .agreement || reference != nil else {
        throw TaperError(
            .usage, "agreement compares with the full-precision model's answers", at: "--metric",
            remedy: "Name the checkpoint with --reference")
    }
    let prompts = try TaskPrompts(model, examples: examples, place: place)
    let share = 1 / Double(examples.count * (reference == nil ? 1 : 2))
    var done = 0.0
    func step() throws(TaperError) {
        try Interrupt.check("Nothing was written")
        done += share
        progress(min(1, done))
    }
    func score(_ answer: [Int], _ text: String, _ index: Int, _ full: [Int]?, into result: inout AnswerScores) {
        switch metric {
        case .rougeL:
            result.scores.append(RougeScore.rougeL(target: prompts.references[index], prediction: text))
            if let full {
                let target = prompts.tokenizer.decode(full, skipSpecial: true)
                result.fullScores.append(RougeScore.rougeL(target: target, prediction: text))
            }
        case .agreement: if let full { result.fullScores.append(TokenAgreement.positions(answer, full)) }
        }
        result.texts.append(text)
        result.averageTokens += Double(answer.count) / Double(examples.count)
    }
    var results: [AnswerScores] = []
    var outputs: [[Int]] = []
    if let reference {
        var result = AnswerScores(label: QualityResult.fullPrecision)
        for (index, prompt) in prompts.prompts.enumerated() {
            let answer = try reference.greedy(prompt, maxNewTokens: maxNewTokens, stop: prompts.stopTokens)
            outputs.append(answer)
            score(answer, prompts.tokenizer.decode(answer, skipSpecial: true), index, nil, into: &result)
            try step()
        }
        results.append(result)
    }
    func full(_ index: Int) -> [Int]? { outputs.indices.contains(index) ? outputs[index] : nil }
    switch model {
    case .checkpoint(let checkpoint):
        let float = try ReferenceModel(checkpoint, residency: .resident, threads: pool.threadCount)
        var result = AnswerScores(label: checkpoint.format)
        result.bytesPerToken = checkpoint.bytesPerToken
        for (index, prompt) in prompts.prompts.enumerated() {
            let answer = try float.greedy(prompt, maxNewTokens: maxNewTokens, stop: prompts.stopTokens)
            score(
                answer, prompts.tokenizer.decode(answer, skipSpecial: true), index, full(index), into: &result)
            try step()
        }
        results.append(result)
    case .bundle(let bundle):
        let runner = try TaskRunner(
            bundle: bundle, examples: examples, maxNewTokens: maxNewTokens, pool: pool, place: place)
        var measured = schedules.map { AnswerScores(label: $0.label) }
        var bits = [[Precision: Int]](repeating: [:], count: schedules.count)
        for index in examples.indices {
            for (order, answer) in try runner.answers(index, schedules: schedules.map(\.schedule)).enumerated() {
                score(answer.tokens, runner.text(answer), index, full(index), into: &measured[order])
                for bit in answer.bits { bits[order][bit, default: 0] += 1 }
            }
            try step()
        }
        for order in measured.indices {
            let steps = Double(bits[order].values.reduce(0, +))
            if steps == 0 { continue }
            measured[order].averageBits =
                Double(bits[order].reduce(0) { $0 + $1.key.hundredths * $1.value }) / (steps * 100)
            let bytes = bits[order].reduce(0) { $0 + runner.bytesPerToken(bits: $1.key) * $1.value }
            measured[order].bytesPerToken = Int((Double(bytes) / steps).rounded())
        }
        results += measured
    }
    return results
}

private func round6(_ value: Double) -> Double { parseDouble(fixed(value, 6)) ?? value }
