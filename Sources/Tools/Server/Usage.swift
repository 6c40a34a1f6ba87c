internal import Storage
internal import TaperRuntime

/// What the answers to a request cost: OpenAI's `usage`, and Taper's own figures in `usage.taper`.
struct Usage {
    /// In the order of the choices.
    let answers: [Answer]
    /// Answers to each prompt, which follow each other in `answers`.
    let choicesPerPrompt: Int

    var json: JSONValue {
        // A prompt counts once, however many answers it gets.
        let first = stride(from: 0, to: answers.count, by: choicesPerPrompt).map { answers[$0] }
        let prompt = first.reduce(0) { $0 + $1.promptTokenCount + $1.reusedPromptTokenCount }
        let written = answers.reduce(0) { $0 + $1.tokens.count }
        let reused = first.reduce(0) { $0 + $1.reusedPromptTokenCount }
        return .object([
            .init("prompt_tokens", .integer(prompt)), .init("completion_tokens", .integer(written)),
            .init("total_tokens", .integer(prompt + written)),
            .init("prompt_tokens_details", .object([.init("cached_tokens", .integer(reused))])),
            .init("taper", taper),
        ])
    }

    /// Means over all decode steps; schedule and switch points are those of the first answer.
    private var taper: JSONValue {
        guard let first = answers.first else { return .null }
        let steps = answers.reduce(0) { $0 + $1.precisions.count }
        func mean(_ value: (Answer) -> Double) -> Double {
            steps == 0
                ? value(first)
                : answers.reduce(0) { $0 + value($1) * Double($1.precisions.count) } / Double(steps)
        }
        // Answers are written side by side, so the slowest says how long they took.
        let prefill = answers.map(\.prefillSeconds).max() ?? 0
        let decode = answers.map(\.decodeSeconds).max() ?? 0
        var members: [JSONValue.Member] = [
            .init("schedule", .string(first.schedule.name)), .init("reason", .string(first.schedule.reason)),
            .init("prefill_bits", .number(first.prefill.bits)),
            .init("average_bits", .number(mean(\.averageBits))),
            .init("bytes_per_token", .integer(Int(mean(\.bytesPerToken).rounded()))),
            .init("switch_points", .string(first.switchPoints.map(\.description).joined(separator: ","))),
            .init("prompt_seconds", .number(prefill)), .init("decode_seconds", .number(decode)),
            .init("tokens_per_second", .number(decode > 0 ? Double(steps) / decode : 0)),
        ]
        members.append(
            .init("reused_prompt_tokens", .integer(answers.reduce(0) { $0 + $1.reusedPromptTokenCount })))
        let drafted = answers.reduce(0) { $0 + $1.draftedTokenCount }
        if drafted > 0 {
            members.append(.init("drafted_tokens", .integer(drafted)))
            members.append(.init("accepted_tokens", .integer(answers.reduce(0) { $0 + $1.acceptedTokenCount })))
        }
        if let warning = first.warning { members.append(.init("warning", .string(warning))) }
        return .object(members)
    }
}
