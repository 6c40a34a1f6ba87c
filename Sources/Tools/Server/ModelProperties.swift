internal import Bundle
internal import Storage
internal import TaperConvert
internal import TaperRuntime

/// What `/props` tells of a bundle and of how it is served.
struct ModelProperties {
    private let model: ServedModel
    private let state: ServerState
    private let facts: LanguageModel.Facts

    init(_ model: ServedModel, _ state: ServerState) {
        self.model = model
        self.state = state
        facts = model.model.facts
    }

    var json: JSONValue {
        let report = model.report
        return .object([
            .init("id", .string(model.name)), .init("models", .array(state.models.map { .string($0.name) })),
            .init("family", .string(facts.family)), .init("weights", .integer(report.weightCount)),
            .init("layers", .integer(facts.layerCount)), .init("vocabulary", .integer(facts.vocabularySize)),
            .init("context", .integer(facts.contextLength)),
            .init("trained_context", .integer(facts.trainedContextLength)),
            .init("precisions", .array(report.rows.map { precision($0) })),
            .init("quality", .array(report.rows.map { quality($0) })),
            .init("full_perplexity", number(report.fullPerplexity)),
            .init("quality_text", report.qualityText.map { .string($0) } ?? .null),
            .init("default", unnamed), .init("schedules", .array(facts.schedules.map { schedule($0) })),
            .init("adaptive", .bool(facts.hasAdaptiveSchedule)),
            .init("learned", .bool(facts.hasLearnedScheduler)),
            .init("learned_evidence", model.evidence.learned ?? .null),
            .init("texts", .array(report.texts.map { .string($0) })),
            .init(
                "memory",
                .object([
                    .init("bundle_bytes", .integer(facts.byteCount)),
                    .init("resident_bytes", .integer(max(residentBytes(), 0))),
                ])),
            .init("threads", .integer(facts.threadCount)), .init("instruction_set", .string(facts.instructionSet)),
            .init(
                "chat",
                .object([
                    .init("format", .bool(facts.hasChatFormat)), .init("system", .bool(facts.readsSystemMessages)),
                ])),
            .init("answers_at_once", .integer(model.answersAtOnce)),
            .init("queue", .integer(model.queueLength)),
        ])
    }

    private func precision(_ row: BundleReport.Row) -> JSONValue {
        .object([
            .init("bits", .number(row.precision.bits)), .init("bytes_per_token", .integer(row.bytesPerToken)),
        ])
    }

    /// Of every precision, as far as it was measured when the bundle was made.
    private func quality(_ row: BundleReport.Row) -> JSONValue {
        quality(
            row.precision.description, row.precision.bits, row.bytesPerToken, (row.perplexity, row.overFull),
            [row.meanDivergence, row.divergence99, row.topAgreement])
    }

    private func quality(_ label: String, _ row: Quality.Row, overFull: Double?) -> JSONValue {
        quality(
            label, nil, row.bytesPerToken, (row.perplexity, overFull),
            [row.meanDivergence, row.divergence99, row.topAgreement])
    }

    private func quality(
        _ label: String, _ bits: Double?, _ bytesPerToken: Int?, _ perplexity: (own: Double?, overFull: Double?),
        _ agreement: [Double?]
    ) -> JSONValue {
        .object([
            .init("label", .string(label)), .init("bits", number(bits)),
            .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
            .init("perplexity", number(perplexity.own)), .init("over_full", number(perplexity.overFull)),
            .init("kl", number(agreement[0])), .init("kl_p99", number(agreement[1])),
            .init("top1", number(agreement[2])),
        ])
    }

    /// What answers whose request names nothing are written with.
    private var unnamed: JSONValue {
        func named(_ name: String, _ prefill: Precision?, _ points: [SwitchPoint]?) -> JSONValue {
            .object([
                .init("schedule", .string(name)), .init("prefill_bits", number(prefill?.bits)),
                .init("switch", points.map { .string(text($0)) } ?? .null),
            ])
        }
        func constant(_ precision: Precision) -> JSONValue {
            named("\(precision) bits", nil, [SwitchPoint(precision, atStep: 0)])
        }
        func calibrated(_ task: String) -> JSONValue? {
            facts.schedules.first { $0.task == task }.map { named("static:" + task, $0.prefill, $0.switchPoints) }
        }
        let highest = facts.precisions[facts.precisions.count - 1]
        return switch model.precision {
        case .automatic: calibrated("default") ?? constant(highest)
        case .highest: constant(highest)
        case .fixed(let precision): constant(precision)
        case .switching(let points): named("switch points", nil, points)
        case .schedule(let task): calibrated(task) ?? constant(highest)
        case .learned: named("learned", nil, nil)
        case .adaptive: named("adaptive", nil, nil)
        }
    }

    private func text(_ points: [SwitchPoint]) -> String { points.map(\.description).joined(separator: ",") }

    private func schedule(_ schedule: StoredSchedule) -> JSONValue {
        let calibration = model.evidence.calibrations[schedule.task]
        return .object([
            .init("task", .string(schedule.task)), .init("schedule", .string("static:" + schedule.task)),
            .init("prefill_bits", .number(schedule.prefill.bits)),
            .init("switch", .string(text(schedule.switchPoints))),
            .init("max_tokens", .integer(schedule.maxTokens)), .init("average_bits", .number(schedule.averageBits)),
            .init("metric", .string(schedule.metric)), .init("score", .number(schedule.score)),
            .init("reference_score", .number(schedule.referenceScore)),
            .init("tolerance", number(calibration?.tolerance)), .init("evidence", calibration?.evidence ?? .null),
            .init(
                "quality",
                calibration?.quality.map {
                    quality("static:" + schedule.task, $0, overFull: calibration?.overFull)
                } ?? .null),
        ])
    }

    private func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
}
