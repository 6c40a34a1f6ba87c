public import Storage

public struct ChatMessage: Equatable, Sendable {
    public var role: String
    public var content: String
    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// A chat format as data: what stands before and after each message. No template code is ever run.
public struct ChatTemplate: Equatable, Sendable {
    /// Text around one role's messages.
    public struct Frame: Equatable, Sendable {
        public var before: String
        public var after: String
        public init(_ before: String, _ after: String) {
            self.before = before
            self.after = after
        }
    }

    public var name: String
    /// Stands once at the very start.
    public var start: String
    public var system: Frame
    public var user: Frame
    public var assistant: Frame
    /// Starts the answer; usually the assistant's `before`.
    public var generation: String
    /// Used when the conversation brings no system message; nil for none.
    public var defaultSystem: String?
    /// The system text stands inside the first user message (Llama 2, Mistral).
    public var systemInsideUser: Bool
    /// Contents are trimmed of white space.
    public var trims: Bool
    /// Texts that end an answer; those that are tokens are also stop tokens.
    public var stops: [String]

    public var stopTokens: [String] { stops }

    public static var names: [String] { families.map { $0.name } }

    public static func named(_ name: String) -> ChatTemplate? { families.first { $0.name == name } }

    /// A piece of a rendered conversation: markup, in which special tokens count, or somebody's words, in which not.
    public enum Piece: Equatable, Sendable {
        case markup(String)
        case words(String)
    }

    /// - Throws: `usage` for roles other than system, user and assistant, or a system message that is not first.
    public func pieces(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws(TaperError) -> [Piece] {
        var pieces: [Piece] = start.isEmpty ? [] : [.markup(start)]
        var rest = messages[...]
        var systemText = defaultSystem
        if let first = rest.first, first.role == "system" {
            systemText = first.content
            rest = rest.dropFirst()
        }
        func words(_ text: String) -> Piece { .words(trims ? ChatTemplate.trimmed(text) : text) }
        if let systemText, !systemInsideUser {
            pieces += [.markup(system.before), words(systemText), .markup(system.after)]
        }
        var pendingSystem = systemInsideUser ? systemText : nil
        for message in rest {
            switch message.role {
            case "user":
                pieces.append(.markup(user.before))
                if let text = pendingSystem {
                    pieces += [.markup(system.before), .words(text), .markup(system.after)]
                    pendingSystem = nil
                }
                pieces += [words(message.content), .markup(user.after)]
            case "assistant": pieces += [.markup(assistant.before), words(message.content), .markup(assistant.after)]
            default:
                throw TaperError(
                    .usage, "role " + printable(message.role) + " is not known or not allowed here", at: "chat",
                    expected: "system first, then user and assistant")
            }
        }
        if addGenerationPrompt { pieces.append(.markup(generation)) }
        return pieces
    }

    /// The conversation as text, as Hugging Face's `apply_chat_template` writes it.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws(TaperError) -> String {
        var text = ""
        for piece in try pieces(messages, addGenerationPrompt: addGenerationPrompt) {
            switch piece {
            case .markup(let part), .words(let part): text += part
            }
        }
        return text
    }

    /// Token ids of a conversation. Special tokens written by users stay plain text.
    public func encode(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, tokenizer: Tokenizer
    ) throws(TaperError) -> [Int] {
        var ids: [Int] = []
        for run in ChatTemplate.runs(try pieces(messages, addGenerationPrompt: addGenerationPrompt), tokenizer) {
            ids += tokenizer.encode(run.text, addSpecial: false, parseSpecial: run.isMarkup)
        }
        // A template that writes the beginning-of-sequence token itself starts with it already.
        if tokenizer.addsBos, let bos = tokenizer.bosToken, ids.first != bos { ids.insert(bos, at: 0) }
        return ids
    }

    /// Markup and words joined wherever both tokenise alike, so that words merge across borders just as they do when the
    /// whole text is tokenised at once; only words that spell a special token are kept apart.
    private static func runs(_ pieces: [Piece], _ tokenizer: Tokenizer) -> [(text: String, isMarkup: Bool)] {
        var result: [(text: String, isMarkup: Bool)] = []
        for piece in pieces {
            switch piece {
            case .markup(let text): result.append((text, true))
            case .words(let text): result.append((text, !tokenizer.containsSpecial(text)))
            }
        }
        var joined: [(text: String, isMarkup: Bool)] = []
        for run in result where !run.text.isEmpty {
            if run.isMarkup, let last = joined.last, last.isMarkup {
                joined[joined.count - 1].text += run.text
            } else {
                joined.append(run)
            }
        }
        return joined
    }

    private static func trimmed(_ text: String) -> String {
        let bytes = Array(text.utf8)
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}

extension Tokenizer {
    /// Does the text spell a special token?
    func containsSpecial(_ text: String) -> Bool {
        encode(text, addSpecial: false, parseSpecial: true).contains { isSpecial($0) }
    }
}
