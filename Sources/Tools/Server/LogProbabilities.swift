internal import Storage
internal import TaperRuntime

/// Log probabilities of tokens as OpenAI's API writes them down.
struct LogProbabilities {
    let tokenizer: Tokenizer
    /// Of an answer's text, or of the part of it that came with a token.
    let pieces: [AnswerPiece]

    private var known: [TokenLogProbability] { pieces.compactMap(\.logProbability) }

    /// Of chats: an entry for every token; null where none was asked for.
    func chat(isAsked: Bool) -> JSONValue {
        guard isAsked else { return .null }
        let entries = known.map { token in
            JSONValue.object(
                entry(token.token, token.logProbability) + [
                    .init(
                        "top_logprobs",
                        .array(token.alternatives.map { .object(entry($0.token, $0.logProbability)) }))
                ])
        }
        return .object([.init("content", .array(entries)), .init("refusal", .null)])
    }

    /// Of completions: columns, beside where in the answer's text each token begins.
    /// - Parameter offset: characters of the text before the first piece.
    func completion(isAsked: Bool, offset: Int) -> JSONValue {
        guard isAsked else { return .null }
        var offsets: [JSONValue] = []
        var end = offset
        for piece in pieces {
            if piece.logProbability != nil { offsets.append(.integer(end)) }
            end += piece.text.unicodeScalars.count
        }
        let tops = known.map { token in
            // Tokens of the same text, such as parts of different characters, share the first one's place.
            var seen: Set<String> = []
            return JSONValue.object(
                token.alternatives.map { JSONValue.Member(text($0.token), .number($0.logProbability)) }
                    .filter { seen.insert($0.key).inserted })
        }
        return .object([
            .init("tokens", .array(known.map { .string(text($0.token)) })),
            .init("token_logprobs", .array(known.map { .number($0.logProbability) })),
            .init("top_logprobs", .array(tops)), .init("text_offset", .array(offsets)),
        ])
    }

    private func entry(_ token: Int, _ logProbability: Double) -> [JSONValue.Member] {
        [
            .init("token", .string(text(token))), .init("logprob", .number(logProbability)),
            .init("bytes", .array(tokenizer.bytes(of: token).map { .integer(Int($0)) })),
        ]
    }

    /// Of a part of a character, U+FFFD: only its bytes tell what it is.
    private func text(_ token: Int) -> String { String(decoding: tokenizer.bytes(of: token), as: UTF8.self) }
}
