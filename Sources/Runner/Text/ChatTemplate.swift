public import Storage

public struct ChatMessage: Equatable, Sendable {
    public var role: String
    public var content: String
    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// A chat format as data: the text that stands between any two contents. No template code is ever run.
///
/// What stands between two messages depends on their roles alone; headers, ends of turn, a default system text and the
/// prompt of the answer are all part of such a joint. Pairs of roles without a joint are refused.
public struct ChatTemplate: Equatable, Sendable {
    /// What a joint connects.
    public enum Place: String, Sendable {
        case start, system, user, assistant
        /// Where the answer begins.
        case generation
        /// Where a conversation ends that is not to be answered.
        case end
    }

    /// What goes from an end of a content.
    public enum Trim: String, Sendable { case none, newlines, space }

    /// The text between one content and the next.
    public struct Joint: Equatable, Sendable {
        public var from: Place
        public var to: Place
        public var text: String
        /// What goes from the end of the content before.
        public var trimsBefore: Trim
        /// What goes from the start of the content after.
        public var trimsAfter: Trim
        public init(_ from: Place, _ to: Place, _ text: String, trimsBefore: Trim = .none, trimsAfter: Trim = .none) {
            self.from = from
            self.to = to
            self.text = text
            self.trimsBefore = trimsBefore
            self.trimsAfter = trimsAfter
        }
    }

    /// Where the text of a system message goes.
    public enum SystemPlace: String, Sendable {
        case first
        /// Before the last user message (Mistral since version 0.3).
        case lastUser = "last_user"
        /// Nowhere: the template knows no system message, and says nothing about it.
        case dropped
    }

    /// What is left of an assistant's earlier answers that hold their reasoning.
    public struct Reasoning: Equatable, Sendable {
        /// Everything up to the last occurrence of this text is dropped.
        public var end: String
        /// What goes after it: line feeds at the start, or white space at both ends.
        public var trims: Trim
        public init(end: String, trims: Trim) {
            self.end = end
            self.trims = trims
        }
    }

    /// A text that makes the model's own template do something that this form does not hold.
    public struct Special: Equatable, Sendable {
        public var role: Place
        public var text: String
        public init(role: Place, text: String) {
            self.role = role
            self.text = text
        }
    }

    public var name: String
    public var joints: [Joint]
    public var systemPlace: SystemPlace = .first
    /// The tokenizer's start token is put first when the text does not begin with it.
    public var addsBos = true
    public var allowsEmpty = true
    public var reasoning: Reasoning?
    public var special: [Special] = []
    /// Texts that end an answer; those that are tokens are also stop tokens.
    public var stops: [String]
    /// What the joints were made of, when the form is of the first schema.
    let frames: ChatFrames?

    public init(name: String, joints: [Joint], stops: [String]) {
        self.name = name
        self.joints = joints
        self.stops = stops
        frames = nil
    }

    public init(frames: ChatFrames) {
        name = frames.name
        joints = frames.joints
        stops = frames.stops
        self.frames = frames
    }

    public var stopTokens: [String] { stops }

    public func joint(_ from: Place, _ to: Place) -> Joint? { joints.first { $0.from == from && $0.to == to } }

    /// A piece of a rendered conversation: markup, in which special tokens count, or somebody's words, in which not.
    public enum Piece: Equatable, Sendable {
        case markup(String)
        case words(String)
    }

    /// - Throws: `usage` for roles other than system, user and assistant, an order of them that the template does not
    ///   take, and contents that it would treat in a way this form does not hold.
    public func pieces(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws(TaperError) -> [Piece] {
        let turns = try turns(messages)
        var pieces: [Piece] = []
        var before = Place.start
        var trimsNext = Trim.none
        var content: String?
        func connect(_ to: Place) throws(TaperError) {
            guard let joint = joint(before, to) else {
                throw TaperError(
                    .usage,
                    to == .generation || to == .end
                        ? "the model's chat template takes no conversation that ends like this"
                        : "the model's chat template takes no " + to.rawValue + " message here", at: "chat",
                    found: before == .start ? "it comes first" : "it follows " + before.rawValue)
            }
            if let content { pieces.append(.words(try kept(content, before, trimsNext, joint.trimsBefore))) }
            if !joint.text.isEmpty { pieces.append(.markup(joint.text)) }
            trimsNext = joint.trimsAfter
            before = to
        }
        for turn in turns {
            try connect(turn.role == "user" ? .user : turn.role == "assistant" ? .assistant : .system)
            content = turn.content
        }
        try connect(addGenerationPrompt ? .generation : .end)
        return pieces
    }

    /// Roles checked, the system message where it belongs.
    private func turns(_ messages: [ChatMessage]) throws(TaperError) -> [ChatMessage] {
        for (index, message) in messages.enumerated() {
            guard message.role == "user" || message.role == "assistant" || message.role == "system" && index == 0 else {
                throw TaperError(
                    .usage, "role " + printable(message.role) + " is not known or not allowed here", at: "chat",
                    expected: "system first, then user and assistant")
            }
        }
        guard let system = messages.first, let last = messages.last, system.role == "system" else { return messages }
        switch systemPlace {
        case .first: return messages
        case .dropped: return Array(messages[1...])
        case .lastUser:
            guard last.role == "user" else {
                throw TaperError(
                    .usage, "the model's chat template takes a system message only before a last user message",
                    at: "chat")
            }
            return Array(messages[1..<messages.count - 1]) + [system, last]
        }
    }

    /// A content as the template leaves it.
    private func kept(
        _ content: String, _ role: Place, _ trimsStart: Trim, _ trimsEnd: Trim
    ) throws(TaperError) -> String {
        for item in special where item.role == role && content.utf8.count >= item.text.utf8.count {
            guard ChatText.last(of: Array(item.text.utf8), in: Array(content.utf8)) == nil else {
                throw TaperError(
                    .usage,
                    "the model's own chat template treats messages with this text in a way the bundle does not hold",
                    at: "chat: " + role.rawValue + " message", found: "\"" + printable(item.text) + "\"",
                    remedy: "Leave it out, or write the whole prompt yourself with -no-cnv")
            }
        }
        var bytes = Array(content.utf8)
        if role == .assistant, let reasoning, let at = ChatText.last(of: Array(reasoning.end.utf8), in: bytes) {
            bytes = ChatText.trimmed(
                Array(bytes[(at + reasoning.end.utf8.count)...]), start: reasoning.trims,
                end: reasoning.trims == .space ? .space : .none)
        }
        let result = ChatText.trimmed(bytes, start: trimsStart, end: trimsEnd)
        if !allowsEmpty && ChatText.trimmed(result, start: .space, end: .none).isEmpty {
            throw TaperError(.usage, "the model's chat template takes no empty message", at: "chat")
        }
        return String(decoding: result, as: UTF8.self)
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
            ids += try tokenizer.encode(run.text, addSpecial: false, parseSpecial: run.isMarkup)
        }
        // A template that writes the beginning-of-sequence token itself starts with it already.
        if addsBos, tokenizer.addsBos, let bos = tokenizer.bosToken, ids.first != bos { ids.insert(bos, at: 0) }
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
}

/// Texts as bytes: strings would compare by canonical equivalence.
enum ChatText {
    static func last(of part: [UInt8], in text: [UInt8]) -> Int? {
        guard !part.isEmpty, part.count <= text.count else { return nil }
        return BytePattern(part).lastStart(in: text)
    }

    /// White space is what Python's `str.strip` drops.
    static func trimmed(
        _ bytes: [UInt8], start trimsStart: ChatTemplate.Trim, end trimsEnd: ChatTemplate.Trim
    ) -> [UInt8] {
        var start = 0
        var end = bytes.count
        switch trimsStart {
        case .none: break
        case .newlines: while start < end, bytes[start] == 0x0a { start += 1 }
        case .space: while start < end, let width = space(startingAt: start, in: bytes) { start += width }
        }
        switch trimsEnd {
        case .none: break
        case .newlines: while end > start, bytes[end - 1] == 0x0a { end -= 1 }
        case .space: while end > start, let width = space(endingAt: end, in: bytes) { end -= width }
        }
        return Array(bytes[start..<max(start, end)])
    }

    // Python also drops the four separators of ASCII.
    private static func space(startingAt at: Int, in bytes: [UInt8]) -> Int? {
        (0x1c...0x1f).contains(bytes[at]) ? 1 : WhiteSpace.width(startingAt: at, in: bytes)
    }
    private static func space(endingAt end: Int, in bytes: [UInt8]) -> Int? {
        (0x1c...0x1f).contains(bytes[end - 1]) ? 1 : WhiteSpace.width(endingAt: end, in: bytes)
    }
}
