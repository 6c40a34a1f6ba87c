/// A chat format of the first schema: what stands before and after each role's messages.
public struct ChatFrames: Equatable, Sendable {
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
    public var stops: [String]

    public init(
        name: String, start: String = "", system: Frame, user: Frame, assistant: Frame, generation: String,
        defaultSystem: String? = nil, systemInsideUser: Bool = false, trims: Bool = false, stops: [String]
    ) {
        self.name = name
        self.start = start
        self.system = system
        self.user = user
        self.assistant = assistant
        self.generation = generation
        self.defaultSystem = defaultSystem
        self.systemInsideUser = systemInsideUser
        self.trims = trims
        self.stops = stops
    }

    /// The same format as joints: every order of user and assistant, and a system message first.
    var joints: [ChatTemplate.Joint] {
        var result: [ChatTemplate.Joint] = []
        func add(
            _ from: ChatTemplate.Place, _ to: ChatTemplate.Place, _ text: String, _ before: Bool, _ after: Bool
        ) {
            result.append(
                ChatTemplate.Joint(
                    from, to, text, trimsBefore: before ? .space : .none, trimsAfter: after ? .space : .none))
        }
        /// What follows a content, on the way to `to`.
        func ends(_ from: ChatTemplate.Place, _ text: String, _ trimsBefore: Bool) {
            add(from, .user, text + user.before, trimsBefore, trims)
            add(from, .assistant, text + assistant.before, trimsBefore, trims)
            add(from, .generation, text + generation, trimsBefore, false)
            add(from, .end, text, trimsBefore, false)
        }
        let own = defaultSystem.map { text in
            trims && !systemInsideUser
                ? String(decoding: ChatText.trimmed(Array(text.utf8), start: .space, end: .space), as: UTF8.self) : text
        }
        if systemInsideUser {
            let inside = own.map { system.before + $0 + system.after } ?? ""
            add(.start, .system, start + user.before + system.before, false, false)
            add(.system, .user, system.after, false, trims)
            add(.start, .user, start + user.before + inside, false, trims)
            if own == nil {
                add(.start, .assistant, start + assistant.before, false, trims)
            }
            add(.start, .generation, start + generation, false, false)
            add(.start, .end, start, false, false)
        } else {
            add(.start, .system, start + system.before, false, trims)
            ends(.system, system.after, trims)
            ends(.start, start + (own.map { system.before + $0 + system.after } ?? ""), false)
        }
        ends(.user, user.after, trims)
        ends(.assistant, assistant.after, trims)
        return result
    }
}
