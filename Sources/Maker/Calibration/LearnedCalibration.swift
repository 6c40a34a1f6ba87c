public import Bundle
public import Evaluation
public import Kernels
import Scoring
public import Model
public import Reference
import Runtime
public import Storage
import Text

/// How the learned scheduler is trained.
public struct LearnedSettings: Sendable {
    /// Precisions to step down through, from high to low; every two neighbours get a classifier.
    public var precisions: [Precision]
    public var prompts = 256
    /// Tokens of a prompt.
    public var lengths = 32...256
    /// Limit of new tokens; the paper has 256.
    public var maxNewTokens = 64
    /// Latest positions that the classifier looks at.
    public var window = 512
    /// Queries per KV head; as many as there are KV heads, as in the paper, but no more than this.
    public var queryLimit = 8
    public var hidden = 64
    /// ROUGE-L that the choices may cost on average.
    public var tolerance = 0.01
    public var training = SwitchTraining()

    public init(precisions: [Precision]) { self.precisions = precisions }
}

/// Trains the learned scheduler of a bundle on a text: the bundle itself makes the labels, against the full-precision model.
///
/// Every prompt is continued by the full-precision model, and by the bundle with every number of high-precision steps to
/// choose from. The label is the least number whose answer is as much like the full-precision answer (ROUGE-L, to three
/// decimals) as that of always decoding at the high precision (Chen et al. 2025, section 4.3).
public func trainLearnedScheduler(
    bundle: Bundle, text: SourceText, settings: LearnedSettings, reference: ReferenceModel, pool: ThreadPool,
    progress: (Double) -> Void
) throws(TaperError) -> LearnedScheduler {
    let available = try bundle.servedPrecisions()
    let precisions = settings.precisions.sorted(by: >)
    guard let prefill = available.last, precisions.count >= 2, Set(precisions).count == precisions.count else {
        throw TaperError(
            .usage, "the learned scheduler steps down between two precisions or more", at: bundle.path,
            found: Precision.text(precisions))
    }
    for bits in precisions { try bits.check(served: available, place: bundle.path) }
    let model = bundle.manifest.model
    let tokenizer = try AnyModel.bundle(bundle).tokenizer()
    let passages = try TextPrompts(
        text, tokenizer: tokenizer, count: settings.prompts, lengths: settings.lengths, seed: settings.training.seed)
    let runner = try TaskRunner(
        bundle: bundle, prompts: try TaskPrompts(.bundle(bundle), prompts: passages.prompts),
        maxNewTokens: settings.maxNewTokens, pool: pool, place: text.path)
    let full = try reference.greedy(
        runner.prompts, maxNewTokens: settings.maxNewTokens, stop: runner.stopTokens
    ) { progress($0 * 0.3) }

    let shape = ClassifierShape(
        kvHeads: model.kvHeadCount, headSize: model.headSize, queries: min(model.kvHeadCount, settings.queryLimit),
        hidden: settings.hidden)
    // One prefill serves all pairs.
    let steps = zip(precisions, precisions.dropFirst()).map { (high: $0, low: $1) }
    var schedules: [PrecisionSchedule] = []
    for step in steps {
        // A scheduler without weights, for the schedules that it would choose from.
        let chooser = LearnedScheduler(
            prefillBits: prefill, maxNewTokens: settings.maxNewTokens, window: settings.window, shape: shape,
            pairs: [.init(high: step.high, low: step.low, confidence: 1, weights: [], evidence: .null)])
        for index in (0..<ClassifierShape.classCount).reversed() {
            schedules.append(chooser.schedule(classes: [index], maxNewTokens: settings.maxNewTokens))
        }
    }
    var states: [LayerStates] = []
    var outcomes = [[SwitchOutcome]](repeating: [], count: steps.count)
    var strategies = schedules.map { DecodeStrategy($0) }
    if let first = schedules.first {
        // The first one also keeps what the classifier will see of every prompt.
        strategies[0].rule = .afterPrefill { engine, sequence in
            states.append(
                sequence.lastLayerStates(positions: sequence.position, window: settings.window, pool: engine.pool))
            return first
        }
    }
    let answers = try runner.run(Array(runner.prompts.indices), strategies) { progress(0.3 + 0.6 * $0) }
    for index in runner.prompts.indices {
        let target = tokenizer.decode(full[index], skipSpecial: true)
        for order in steps.indices {
            let part = answers[index][order * ClassifierShape.classCount..<(order + 1) * ClassifierShape.classCount]
                .reversed()
            outcomes[order].append(
                SwitchOutcome(
                    scores: part.map { likeness(runner.text($0.answer), target) },
                    // An answer of one token has no decode step; it counts at the precision the schedule starts with.
                    bits: part.map { outcome in
                        let start = outcome.schedule?.bits(atStep: 0).bits ?? 0
                        return outcome.answer.bits.isEmpty ? start : outcome.answer.averageBits
                    }))
        }
    }

    let trainer = SwitchTrainer(shape, settings: settings.training, pool: pool)
    var pairs: [LearnedScheduler.Pair] = []
    for (order, step) in steps.enumerated() {
        let examples = zip(states, outcomes[order]).map { SwitchExample(states: $0, label: $1.label) }
        let trained = try trainer.train(examples) {
            progress(0.9 + 0.1 * (Double(order) + $0) / Double(steps.count))
        }
        let chosen = SwitchConfidence.crossFitted(
            outcomes[order], trained.heldOutShares, folds: trained.folds, tolerance: settings.tolerance)
        let evidence = SwitchEvidence(
            outcomes[order], chosen: chosen, likeliest: trained.heldOutClasses, prior: trained.prior)
        let confidence = SwitchConfidence.calibrate(
            outcomes[order], trained.heldOutShares, tolerance: settings.tolerance)
        pairs.append(
            LearnedScheduler.Pair(
                high: step.high, low: step.low, confidence: confidence, weights: trained.weights,
                evidence: report(settings, trained, evidence, chosen)))
    }
    return LearnedScheduler(
        prefillBits: prefill, maxNewTokens: settings.maxNewTokens, window: settings.window, shape: shape, pairs: pairs)
}

/// ROUGE-L to the full-precision answer; two answers without a word are alike.
private func likeness(_ answer: String, _ target: String) -> Double {
    let (mine, theirs) = (RougeScore.tokens(answer), RougeScore.tokens(target))
    return mine.isEmpty && theirs.isEmpty ? 1 : RougeScore.rougeL(target: theirs, prediction: mine)
}

private func report(
    _ settings: LearnedSettings, _ trained: TrainedSwitch, _ evidence: SwitchEvidence, _ chosen: [Int]
) -> JSONValue {
    let training = settings.training
    func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number(round6($0)) }) }
    return .object([
        .init("prompts", .integer(chosen.count)),
        .init("max_new_tokens", .integer(settings.maxNewTokens)),
        .init("class_prior", numbers(trained.prior)),
        .init("class_weights", .string(training.isBalanced ? "balanced" : "none")),
        .init("folds", .integer(training.folds)),
        .init("epochs", .integer(trained.epochs)),
        .init("held_out_loss", .number(round6(trained.heldOutLoss[trained.epochs]))),
        .init("held_out_loss_of_prior", .number(round6(trained.heldOutLoss[0]))),
        .init("held_out_accuracy", .number(round6(evidence.accuracy))),
        .init("accuracy_of_most_frequent", .number(round6(evidence.priorAccuracy))),
        .init("held_out_choices", numbers(SwitchTrainer.prior(chosen))),
        .init("tolerance", .number(settings.tolerance)),
        .init("comparison", evidence.json),
        .init("learning_rate", .number(training.rate)), .init("weight_decay", .number(training.weightDecay)),
        .init("dropout", .number(training.dropout)), .init("accumulation", .integer(training.accumulation)),
        .init("seed", .integer(Int(truncatingIfNeeded: training.seed))),
    ])
}
