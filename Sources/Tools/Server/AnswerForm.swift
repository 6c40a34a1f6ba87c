internal import Storage
internal import TaperRuntime

/// How answers are written down: OpenAI's chat completions or completions, whole or in chunks.
struct AnswerForm: Sendable {
    enum Kind: Sendable { case chat, completion }

    let kind: Kind
    let id: String
    /// Unix time.
    let created: Int
    let model: String
    /// Every token has its log probability.
    let hasLogProbabilities: Bool
    let tokenizer: Tokenizer
    /// A last chunk has the usage, and the others say that they have none.
    let includesUsage: Bool

    init(_ kind: Kind, _ model: ServedModel, _ parameters: AnswerParameters, created: Int) {
        self.kind = kind
        self.created = created
        self.model = model.name
        tokenizer = model.model.tokenizer
        hasLogProbabilities = parameters.options.logProbabilities != nil
        includesUsage = parameters.includesUsage
        id = (kind == .chat ? "chatcmpl-" : "cmpl-") + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }

    // MARK: Whole

    func whole(_ choices: [ChoiceRecord], usage: Usage) -> JSONValue {
        var members = head(kind == .chat ? "chat.completion" : "text_completion")
        members.append(.init("choices", .array(choices.enumerated().map { whole($0.offset, $0.element) })))
        members.append(.init("usage", usage.json))
        return .object(members)
    }

    private func whole(_ index: Int, _ choice: ChoiceRecord) -> JSONValue {
        let text: JSONValue.Member =
            switch kind {
            case .chat:
                .init(
                    "message",
                    .object([
                        .init("role", .string("assistant")), .init("content", .string(choice.text)),
                        .init("refusal", .null),
                    ]))
            case .completion: .init("text", .string(choice.text))
            }
        return .object([
            .init("index", .integer(index)), text, .init("logprobs", logProbabilities(choice.pieces)),
            .init("finish_reason", choice.answer.map { .string($0.end.finishReason) } ?? .null),
            .init("taper", .object([.init("bits", .array(choice.bits.map { .number($0) }))])),
        ])
    }

    // MARK: Chunks

    /// The first chunk of an answer, before its text; completions have none.
    func opening(_ index: Int) -> JSONValue? {
        guard kind == .chat else { return nil }
        let delta: [JSONValue.Member] = [.init("role", .string("assistant")), .init("content", .string(""))]
        return chunk(index, .init("delta", .object(delta)))
    }

    /// - Parameter offset: characters of the answer's text before the piece.
    func chunk(_ index: Int, _ piece: AnswerPiece, offset: Int) -> JSONValue {
        let text = JSONValue.string(piece.text)
        let taper: [JSONValue.Member] = [
            .init("bits", .number(piece.precision.bits)), .init("average_bits", .number(piece.averageBits)),
            .init("token", piece.token.map { .integer($0) } ?? .null),
        ]
        return chunk(
            index, kind == .chat ? .init("delta", .object([.init("content", text)])) : .init("text", text),
            [.init("taper", .object(taper))], probabilities: logProbabilities([piece], offset: offset))
    }

    private func logProbabilities(_ pieces: [AnswerPiece], offset: Int = 0) -> JSONValue {
        let all = LogProbabilities(tokenizer: tokenizer, pieces: pieces)
        return switch kind {
        case .chat: all.chat(isAsked: hasLogProbabilities)
        case .completion: all.completion(isAsked: hasLogProbabilities, offset: offset)
        }
    }

    func closing(_ index: Int, _ answer: Answer) -> JSONValue {
        chunk(
            index, kind == .chat ? .init("delta", .object([])) : .init("text", .string("")),
            finish: .string(answer.end.finishReason))
    }

    func usage(_ usage: Usage) -> JSONValue {
        var members = head(kind == .chat ? "chat.completion.chunk" : "text_completion")
        members += [.init("choices", .array([])), .init("usage", usage.json)]
        return .object(members)
    }

    private func chunk(
        _ index: Int, _ text: JSONValue.Member, finish: JSONValue = .null, _ more: [JSONValue.Member] = [],
        probabilities: JSONValue = .null
    ) -> JSONValue {
        var members = head(kind == .chat ? "chat.completion.chunk" : "text_completion")
        let choice: [JSONValue.Member] =
            [
                .init("index", .integer(index)), text, .init("logprobs", probabilities),
                .init("finish_reason", finish),
            ] + more
        members.append(.init("choices", .array([.object(choice)])))
        if includesUsage { members.append(.init("usage", .null)) }
        return .object(members)
    }

    private func head(_ object: String) -> [JSONValue.Member] {
        [
            .init("id", .string(id)), .init("object", .string(object)), .init("created", .integer(created)),
            .init("model", .string(model)),
        ]
    }
}
