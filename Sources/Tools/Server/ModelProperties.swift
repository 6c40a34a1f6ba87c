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
            .init("schedules", .array(facts.schedules.map { schedule($0) })),
            .init("learned", .bool(facts.hasLearnedScheduler)),
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
            .init("queue", .integer(model.answerLimit - model.answersAtOnce)),
        ])
    }

    private func precision(_ row: BundleReport.Row) -> JSONValue {
        .object([
            .init("bits", .number(row.precision.bits)), .init("bytes_per_token", .integer(row.bytesPerToken)),
        ])
    }

    /// Of every precision, as far as it was measured when the bundle was made.
    private func quality(_ row: BundleReport.Row) -> JSONValue {
        let overFull = row.perplexity.flatMap { value in model.report.fullPerplexity.map { value / $0 } }
        return .object([
            .init("label", .string(row.precision.description)), .init("bits", .number(row.precision.bits)),
            .init("bytes_per_token", .integer(row.bytesPerToken)), .init("perplexity", number(row.perplexity)),
            .init("over_full", number(overFull)), .init("kl", number(row.meanDivergence)),
            .init("kl_p99", number(row.divergence99)), .init("top1", number(row.topAgreement)),
        ])
    }

    private func schedule(_ schedule: StoredSchedule) -> JSONValue {
        .object([
            .init("task", .string(schedule.task)), .init("schedule", .string("static:" + schedule.task)),
            .init("prefill_bits", .number(schedule.prefill.bits)),
            .init("switch", .string(schedule.switchPoints.map(\.description).joined(separator: ","))),
            .init("max_tokens", .integer(schedule.maxTokens)), .init("average_bits", .number(schedule.averageBits)),
            .init("metric", .string(schedule.metric)), .init("score", .number(schedule.score)),
            .init("reference_score", .number(schedule.referenceScore)),
        ])
    }

    private func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
}
