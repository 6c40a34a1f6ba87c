import Chat
import Decoding
import Model
import Runtime
import Storage

/// What a generation cost, for people and for programs.
enum Report {
    static func line(_ result: GenerationResult, schedule: ScheduleChoice) -> String {
        var text = "prompt " + count(result.prefillTokens) + " at " + result.prefillBits.text + " bits, "
        text += fixed(result.prefillTokensPerSecond, 1) + " tok/s; wrote " + String(result.tokens.count) + " tokens"
        if result.decodeSteps > 0 {
            text += ", " + fixed(result.decodeTokensPerSecond, 1) + " tok/s, " + fixed(result.averageBits, 2)
            text += " bits and " + byteText(Int(result.bytesPerToken)) + " per token"
        }
        let drafts = result.speculation
        if drafts.verifications > 0 {
            text += "; " + String(drafts.accepted) + " of " + String(drafts.drafted + drafts.repeated)
            text += " drafted tokens accepted"
        }
        if let adaptive = result.adaptive {
            text += "; schedule " + schedule.name + " " + schedule.scheduler.text + ", " + String(adaptive.looks)
            text += " steps unsure, " + String(adaptive.kept) + " of their tokens kept"
            if adaptive.rescues > 0 { text += ", " + String(adaptive.rescues) + " loops written again" }
            return text + " (" + schedule.reason + ")"
        }
        // What was reached; an answer may end before the schedule does.
        let (reached, whole) = (PrecisionSchedule.text(result.switchPoints), schedule.scheduler.text)
        text += "; schedule " + schedule.name + " " + (reached.isEmpty ? whole : reached)
        if !reached.isEmpty, whole.utf8.count > reached.utf8.count, whole.utf8.starts(with: reached.utf8) {
            text += " of " + whole
        }
        return text + " (" + schedule.reason + ")"
    }

    /// null where nothing was drafted.
    private static func draft(_ counts: SpeculationCounts) -> JSONValue {
        guard counts.verifications > 0 else { return .null }
        return .object([
            .init("drafted", .integer(counts.drafted)), .init("repeated", .integer(counts.repeated)),
            .init("accepted", .integer(counts.accepted)), .init("verifications", .integer(counts.verifications)),
        ])
    }

    /// null without precision by need.
    private static func adaptive(_ counts: AdaptiveCounts?) -> JSONValue {
        guard let counts else { return .null }
        return .object([
            .init("low_steps", .integer(counts.lowSteps)), .init("high_steps", .integer(counts.highSteps)),
            .init("looks", .integer(counts.looks)), .init("kept", .integer(counts.kept)),
            .init("rescues", .integer(counts.rescues)), .init("rescue_steps", .integer(counts.rescueSteps)),
        ])
    }

    private static func count(_ tokens: Int) -> String { String(tokens) + (tokens == 1 ? " token" : " tokens") }

    static func json(
        _ result: GenerationResult, text: String, schedule: ScheduleChoice, releasedBytes: Int, memory: SessionMemory?
    ) -> JSONValue {
        func integers(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }
        return .object([
            .init("schema", .string("taper.run/1")),
            .init("text", .string(text)),
            .init("tokens", integers(result.tokens)),
            .init("stop_reason", .string(result.stopReason.rawValue)),
            .init("schedule", .string(schedule.name)),
            .init("schedule_reason", .string(schedule.reason)),
            .init("prefill_bits", result.prefillBits.json),
            .init("bits_per_step", .array(result.bitsPerStep.map { $0.json })),
            .init("average_bits", .number(result.averageBits)),
            .init("bytes_per_token", .integer(Int(result.bytesPerToken.rounded()))),
            .init("head_rows_per_token", result.headRowsPerStep.map { .number($0) } ?? .null),
            .init("draft", draft(result.speculation)),
            .init("adaptive", adaptive(result.adaptive)),
            .init(
                "switch_points",
                .array(
                    result.switchPoints.map {
                        .object([.init("bits", $0.bits.json), .init("from_step", .integer($0.fromStep))])
                    })),
            .init("prompt_tokens", .integer(result.prefillTokens)),
            .init("prefill_seconds", .number(result.prefillSeconds)),
            .init("prefill_tokens_per_second", .number(result.prefillTokensPerSecond)),
            .init("scheduling_seconds", .number(result.schedulingSeconds)),
            .init("decode_seconds", .number(result.decodeSeconds)),
            .init("decode_tokens_per_second", .number(result.decodeTokensPerSecond)),
            .init("released_bytes", .integer(releasedBytes)),
            .init("resident_bytes", .integer(residentBytes())),
            .init("peak_resident_bytes", .integer(peakResidentBytes())),
            .init("memory", memory?.json ?? .null),
        ])
    }
}
