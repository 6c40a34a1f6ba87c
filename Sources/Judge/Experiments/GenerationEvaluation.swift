public import Evaluation
public import Kernels
import Bundle
import Checkpoint
public import Scoring
import Model
public import Reference
public import Runtime
public import Storage
import Text

/// Greedy answers of a bundle under every schedule, or of a checkpoint, to all examples, scored.
///
/// - Parameters:
///   - schedulers: ignored for a checkpoint; divergence is measured along schedules known before.
///   - encoder: for `bertScore`.
///   - code: of the examples, for `passAt1`.
///   - reference: the full-precision model whose answers are compared with as well; its own result comes first.
/// - Throws: `usage` for a metric that needs a reference where there is none, or for models that render prompts differently.
public func evaluateGeneration(
    _ model: AnyModel, schedulers: [(label: String, scheduler: DecodeScheduler)], examples: [TaskExample],
    metric: TaskMetric, maxNewTokens: Int, reference: ReferenceModel?, encoder: BERTScore? = nil,
    code: CodeJudge? = nil, pool: ThreadPool, place: String,
    progress: (Double) -> Void
) throws(TaperError) -> [AnswerScores] {
    guard !metric.needsFullPrecision || reference != nil else {
        throw TaperError(
            .usage, "\(metric.rawValue) compares with the full-precision model", at: field("metric"),
            remedy: "Name the checkpoint with \(field("reference"))")
    }
    guard metric != .bertScore || encoder != nil else {
        throw TaperError(
            .usage, "bertscore needs a text encoder", at: field("metric"),
            remedy: "Name a BERT-type encoder's folder with \(field("encoder"))")
    }
    guard metric != .passAt1 || code != nil else {
        throw TaperError(.usage, "pass@1 needs somebody who runs the code", at: field("metric"))
    }
    try metric.check(examples, place: place)
    let prompts = try TaskPrompts(model, examples: examples, place: place)
    let share = 1 / Double(examples.count * (reference == nil ? 1 : 2))
    var done = 0.0
    func step() throws(TaperError) {
        try Interrupt.check("Nothing was written")
        done += share
        progress(min(1, done))
    }
    func score(
        _ answer: [Int], _ text: String, _ index: Int, _ full: [Int]?, into result: inout AnswerScores
    ) {
        if metric == .passAt1 {
            // Run when all answers are there.
        } else if metric.comparesTexts {
            result.references.append(
                metric.tally(answer: text, references: prompts.references[index], encoder: encoder))
            if let full {
                let target = prompts.tokenizer.decode(full, skipSpecial: true)
                result.fullPrecision.append(metric.tally(answer: text, references: [target], encoder: encoder))
            }
        } else if let full {
            result.fullPrecision.append(MetricTally(score: TokenAgreement.positions(answer, full)))
        }
        result.texts.append(text)
        result.averageTokens += Double(answer.count) / Double(examples.count)
    }
    /// A float model's answers, decoded together.
    func answers(_ model: ReferenceModel, into result: inout AnswerScores, comparing: Bool) throws(TaperError)
        -> [[Int]]
    {
        let start = done
        let answers = try model.greedy(
            prompts.prompts, maxNewTokens: maxNewTokens, stop: prompts.stopTokens
        ) { progress(min(1, start + $0 * share * Double(examples.count))) }
        for (index, answer) in answers.enumerated() {
            score(
                answer, prompts.tokenizer.decode(answer, skipSpecial: true), index, comparing ? full(index) : nil,
                into: &result)
            try step()
        }
        return answers
    }
    var results: [AnswerScores] = []
    var outputs: [[Int]] = []
    func full(_ index: Int) -> [Int]? { outputs.indices.contains(index) ? outputs[index] : nil }
    if let reference {
        var result = AnswerScores(label: Quality.fullPrecision, metric: metric)
        outputs = try answers(reference, into: &result, comparing: false)
        results.append(result)
    }
    if metric == .kl, let reference {
        // Along the answers just made; nothing more is generated.
        let divergence = try AnswerDivergence(
            prompts, answers: outputs, maxNewTokens: maxNewTokens, reference: reference, pool: pool, place: place)
        let schedules = try schedulers.map { item throws(TaperError) in
            guard case .fixed(let schedule) = item.scheduler else {
                throw TaperError(
                    .usage, "kl needs schedules that do not depend on the prompt", at: field("metric"),
                    found: item.label)
            }
            return (label: item.label, schedule: schedule)
        }
        let length = results.first?.averageTokens ?? 0
        return results
            + (try divergences(divergence, model, schedules, pool) { progress(done + $0 * (1 - done)) }).map { result in
                var result = result
                result.averageTokens = length
                return result
            }
    }
    switch model {
    case .checkpoint(let checkpoint):
        let float = try ReferenceModel(checkpoint, residency: .resident, threads: pool.threadCount)
        var result = AnswerScores(label: checkpoint.format, metric: metric)
        result.bytesPerToken = checkpoint.bytesPerToken
        _ = try answers(float, into: &result, comparing: true)
        results.append(result)
    case .bundle(let bundle):
        let runner = try TaskRunner(
            bundle: bundle, examples: examples, maxNewTokens: maxNewTokens, pool: pool, place: place)
        var measured = schedulers.map { AnswerScores(label: $0.label, metric: metric) }
        var bits = [[Precision: Int]](repeating: [:], count: schedulers.count)
        let start = done
        let strategies = schedulers.map { DecodeStrategy($0.scheduler, maxNewTokens: maxNewTokens) }
        let outcomes = try runner.run(Array(examples.indices), strategies) { part in
            progress(min(1, start + part * share * Double(examples.count)))
        }
        for (index, row) in outcomes.enumerated() {
            for (order, outcome) in row.enumerated() {
                let answer = outcome.answer
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
    if let code, metric == .passAt1 {
        for order in results.indices {
            let outcomes = try code.outcomes(results[order].texts.enumerated().map { ($0.offset, $0.element) })
            for outcome in outcomes {
                results[order].references.append(MetricTally(score: outcome == .passed ? 1 : 0))
            }
            results[order].outcomes = outcomes.map(\.text)
        }
    }
    return results
}

/// Divergences of a bundle's schedules, or of a checkpoint, with the bytes and bits of the steps they were measured at.
private func divergences(
    _ divergence: AnswerDivergence, _ model: AnyModel, _ schedules: [(label: String, schedule: PrecisionSchedule)],
    _ pool: ThreadPool, progress: (Double) -> Void
) throws(TaperError) -> [AnswerScores] {
    switch model {
    case .checkpoint(let checkpoint):
        let float = try ReferenceModel(checkpoint, residency: .streamed, threads: pool.threadCount)
        var result = AnswerScores(label: checkpoint.format, metric: .kl)
        result.bytesPerToken = checkpoint.bytesPerToken
        let states = try divergence.states(of: float)
        for scores in try divergence.run(
            .states(states, label: result.label, bytesPerToken: nil), progress: progress)
        {
            result.fullPrecision = scores
        }
        return [result]
    case .bundle(let bundle):
        let engine = try Engine(
            try TransformerWeights(bundle), contextLength: divergence.longest, pool: pool)
        let scores = try divergence.run(.bundle(engine, schedules), progress: progress)
        return zip(schedules, scores).map { schedule, scores in
            var result = AnswerScores(label: schedule.label, metric: .kl)
            result.fullPrecision = scores
            let steps = scores.tallies.indices.flatMap { example in
                (0..<divergence.stepCount(example)).map { schedule.schedule.bits(atStep: $0) }
            }
            if steps.isEmpty { return result }
            result.averageBits = Precision.mean(steps)
            let bytes = steps.reduce(0) { $0 + engine.weights.bytesPerToken(bits: $1) }
            result.bytesPerToken = Int((Double(bytes) / Double(steps.count)).rounded())
            return result
        }
    }
}
