import Storage
import Text

/// Tokens that end a generation, with their names.
enum EndTokenReport {
    /// "0 <|endoftext|>, 2 <|im_end|>", or "none".
    static func text(_ tokens: [Int], _ tokenizer: Tokenizer?) -> String {
        if tokens.isEmpty { return "none" }
        return tokens.map { token in
            let name = tokenizer?.piece(of: token) ?? ""
            return name.isEmpty ? String(token) : String(token) + " " + printable(name)
        }.joined(separator: ", ")
    }

    static func json(_ tokens: [Int], _ tokenizer: Tokenizer?) -> JSONValue {
        .array(
            tokens.map { token in
                .object([
                    .init("id", .integer(token)),
                    .init("text", tokenizer.map { .string($0.piece(of: token)) } ?? .null),
                ])
            })
    }
}
