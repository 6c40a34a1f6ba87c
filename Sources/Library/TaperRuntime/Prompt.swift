/// What somebody said in a conversation.
public struct Message: Hashable, Sendable {
    public enum Role: String, Sendable {
        case system, user, assistant
    }

    public var role: Role
    public var text: String

    public init(_ role: Role, _ text: String) {
        self.role = role
        self.text = text
    }
}

/// What an answer follows. A string is a user's message.
public enum Prompt: Hashable, Sendable, ExpressibleByStringLiteral {
    /// Through the model's chat format, where special tokens in the texts count as plain text. A single user's message to a model
    /// without chat format is completed as it stands.
    case messages([Message])
    /// Text to go on with, in which special tokens count; the tokenizer puts its start token first.
    case text(String)
    /// Ids of the model's vocabulary, nothing added.
    case tokens([Int])

    /// A user's message, after a system message where there is one.
    public static func message(_ text: String, system: String? = nil) -> Prompt {
        .messages((system.map { [Message(.system, $0)] } ?? []) + [Message(.user, text)])
    }

    public init(stringLiteral text: String) { self = .message(text) }
}
