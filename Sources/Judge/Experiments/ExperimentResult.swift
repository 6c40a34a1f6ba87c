import Evaluation
import Scoring
import Model
public import Storage

/// What all methods of an experiment reached, and how each compares with Baseline-H and with constants of equal bytes.
public struct ExperimentResult {
    public let settings: ScheduleExperiment.Settings
    /// Full precision first, then Baseline-H and Baseline-L.
    public let results: [MethodResult]
    public let exampleCount: Int
    /// Of a single sequence, measured in the same run.
    public let costs: DecodeCosts
    /// Decode steps of the bundle that were run, and those that sharing saved.
    public let stepCount: Int
    public let sharedStepCount: Int
    /// What right answers cost; nil where no metric tells right ones.
    public let rightAnswers: RightAnswerTable?
    /// Comparisons in the order of `results`.
    public let comparisons: [Comparison]

    /// One method beside what it is measured against; differences in the order of `MethodResult.measures`.
    public struct Comparison {
        public let baseline: [MeasuredDifference?]
        /// Only of methods that change precision, or keep weights.
        public let opponents: EqualByteOpponents?
        public let fitting: [MeasuredDifference?]
        public let mixture: [MeasuredDifference?]
        /// To the same bits in reversed order, and dealt at random.
        public let reversed: [MeasuredDifference?]
        public let shuffled: [MeasuredDifference?]
        /// Cost of a right answer; nil where the metrics tell none, or the method's cost is not known.
        public let right: RightAnswers?
    }

    init(
        settings: ScheduleExperiment.Settings, results: [MethodResult], exampleCount: Int,
        costs: DecodeCosts, stepCount: Int, sharedStepCount: Int
    ) {
        self.settings = settings
        self.results = results
        self.exampleCount = exampleCount
        self.costs = costs
        self.stepCount = stepCount
        self.sharedStepCount = sharedStepCount
        let constants = results.filter { $0.kind == .constant }
        func named(_ label: String?) -> MethodResult? { label.flatMap { label in results.first { $0.label == label } } }
        func differences(_ mine: MethodResult, _ other: MethodResult?) -> [MeasuredDifference?] {
            guard let other, other.label != mine.label else { return mine.measures.map { _ in nil } }
            return zip(mine.measures, other.measures).map { MeasuredDifference($0, $1) }
        }
        let right = settings.metrics.firstIndex(where: \.countsRightAnswers).map {
            RightAnswerTable(results, metric: $0)
        }
        rightAnswers = right
        comparisons = results.enumerated().map { order, result in
            let isConstant = result.kind == .constant || result.kind == .full || result.kind == .prefill
            let opponents =
                isConstant
                ? nil
                : EqualByteOpponents(to: result, among: constants, costs: costs)
            return Comparison(
                baseline: differences(result, constants.first), opponents: opponents,
                fitting: differences(result, opponents?.fitting), mixture: differences(result, opponents?.mixture),
                reversed: differences(result, named(result.reversedLabel)),
                shuffled: differences(result, named(result.shuffledLabel)), right: right?.rows[order])
        }
    }

    /// "200 greedy answers", or how many samples at what temperature.
    var answersText: String {
        settings.sampleCount == 0
            ? "\(exampleCount) greedy answers"
            : "\(settings.sampleCount) answers to each of \(exampleCount) examples at temperature "
                + shortest(settings.temperature) + " (top-p " + shortest(AnswerSampling.topP) + ")"
    }

    /// Names of the measures, in the order of `MethodResult.measures`.
    public var measureNames: [String] { settings.metrics.map(\.rawValue) + ["like full precision", "KL"] }
}

extension ExperimentResult {
    /// Schema `taper-schedules-1`.
    public func json(model: String, reference: String, data: String, warnings: [String]) -> JSONValue {
        let frame = settings.frame
        return .object([
            .init("schema", .string("taper-schedules-1")), .init("model", .string(model)),
            .init("reference", .string(reference)), .init("data", .string(data)),
            .init("examples", .integer(exampleCount)), .init("max_new_tokens", .integer(frame.maxNewTokens)),
            .init("samples", .integer(settings.sampleCount)), .init("temperature", .number(settings.temperature)),
            .init("high", frame.high.json), .init("low", frame.low.json), .init("prefill", frame.prefill.json),
            .init("metrics", .array(settings.metrics.map { .string($0.rawValue) })),
            .init("decode_steps", .integer(stepCount)), .init("shared_decode_steps", .integer(sharedStepCount)),
            .init(
                "precisions",
                .array(
                    frame.served.map { bits in
                        .object([
                            .init("bits", bits.json), .init("bytes_per_token", .integer(costs.bytes[bits] ?? 0)),
                            .init("seconds_per_step", number(costs.seconds[bits])),
                            .init("seconds_per_prompt_token", number(costs.promptSeconds[bits])),
                        ])
                    })),
            .init("deals", .integer(settings.deals)),
            .init("warnings", .array(warnings.map { .string($0) })),
            .init("results", .array(zip(results, comparisons).map { json($0, $1) })),
        ])
    }

    private func json(_ result: MethodResult, _ comparison: Comparison) -> JSONValue {
        func differences(_ all: [MeasuredDifference?]) -> JSONValue {
            .object(
                zip(measureNames, all).compactMap { name, difference in
                    difference.map { difference in
                        .init(
                            name,
                            .object([
                                .init("value", number(difference.estimate.value)),
                                .init("low", number(difference.estimate.interval.lowerBound)),
                                .init("high", number(difference.estimate.interval.upperBound)),
                                .init("verdict", .string(difference.verdict.rawValue)),
                            ]))
                    }
                })
        }
        func order(_ label: String?, _ all: [MeasuredDifference?]) -> JSONValue {
            guard let label else { return .null }
            return .object([.init("label", .string(label)), .init("differences", differences(all))])
        }
        func opponent(_ opponent: MethodResult?, _ all: [MeasuredDifference?]) -> JSONValue {
            guard let opponent else { return .null }
            return .object([
                .init("label", .string(opponent.label)), .init("average_bits", number(opponent.averageBits)),
                .init("bytes_per_token", number(opponent.bytesPerToken)), .init("differences", differences(all)),
            ])
        }
        return .object([
            .init("label", .string(result.label)), .init("kind", .string(result.kind.rawValue)),
            .init("average_bits", number(result.averageBits)), .init("bytes_per_token", number(result.bytesPerToken)),
            .init("tokens_per_second", number(result.tokensPerSecond)),
            .init("average_tokens", number(result.averageTokens)),
            .init("note", result.note.map { .string($0) } ?? .null),
            .init(
                "measures",
                .object(
                    zip(measureNames, result.measures).compactMap { name, scores in
                        scores.estimate().map { estimate in
                            .init(
                                name,
                                .object([
                                    .init("value", number(estimate.value)),
                                    .init("low", number(estimate.interval.lowerBound)),
                                    .init("high", number(estimate.interval.upperBound)),
                                    .init("scores", .array(scores.tallies.map { number($0.score) })),
                                ]))
                        }
                    })),
            .init(
                "cost",
                result.costs.isEmpty
                    ? .null
                    : .object([
                        .init("seconds", .array(result.costs.map { number($0.seconds) })),
                        .init("bytes", .array(result.costs.map { number($0.bytes) })),
                    ])),
            .init("right_answers", right(comparison.right)),
            .init("cut_answers", number(result.cutShare)),
            .init("minus_baseline_h", differences(comparison.baseline)),
            .init("minus_reversed", order(result.reversedLabel, comparison.reversed)),
            .init("minus_shuffled", order(result.shuffledLabel, comparison.shuffled)),
            .init("best_constant_of_at_most_equal_bytes", opponent(comparison.opponents?.fitting, comparison.fitting)),
            .init("constants_of_equal_bytes", opponent(comparison.opponents?.mixture, comparison.mixture)),
            .init("schedules", .array(distinct(result.schedules).map { .string($0) })),
            .init("answers", .array(result.answers.map { .string($0) })),
        ])
    }

    private func right(_ right: RightAnswers?) -> JSONValue {
        guard let right, let table = rightAnswers else { return .null }
        func ratio(_ ratio: RightAnswerCost.Ratio?, _ scale: Double = 1) -> JSONValue {
            guard let ratio else { return .null }
            return .object([
                .init("value", number(ratio.value * scale)), .init("low", number(ratio.low * scale)),
                .init("high", number(ratio.high * scale)),
            ])
        }
        func comparison(_ found: RightAnswerCost.Ratio?, _ opponent: Int?) -> JSONValue {
            guard let found, let opponent else { return .null }
            guard case .object(let members) = ratio(found) else { return .null }
            return .object(
                [.init("label", .string(results[opponent].label))] + members
                    + [.init("verdict", .string(found.verdict.rawValue))])
        }
        return .object([
            .init("metric", .string(settings.metrics[table.metric].rawValue)),
            .init("seconds", ratio(right.seconds)), .init("bytes", ratio(right.bytes)),
            .init("seconds_over_best_constant", comparison(right.secondsOverBest, table.fastest)),
            .init("bytes_over_best_constant", comparison(right.bytesOverBest, table.leanest)),
        ])
    }

    /// One entry when all are the same.
    private func distinct(_ all: [String]) -> [String] { Set(all).count <= 1 ? Array(all.prefix(1)) : all }

    private func number(_ value: Double?) -> JSONValue {
        guard let value, value.isFinite else { return .null }
        return .number(parseDouble(fixed(value, 6)) ?? value)
    }
}
