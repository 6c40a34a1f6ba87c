public import Runtime
public import Storage
public import Text

/// Messages between somebody and a model, and the sequence that holds what has been read of them: a turn reads only what is not
/// in it yet.
public final class Conversation {
    public let sequence: TokenSequence
    public private(set) var messages: [ChatMessage] = []
    private let system: String?
    private let template: ChatTemplate
    private let tokenizer: Tokenizer
    private let room: ContextRoom
    /// Tokens whose keys and values the sequence holds.
    private var cached: [Int] = []
    /// Of the turn at hand, from the first message on.
    private var tokens: [Int] = []

    /// - Parameter sequence: empty, and this conversation's alone.
    public init(
        _ template: ChatTemplate, _ tokenizer: Tokenizer, system: String?, in sequence: TokenSequence,
        room: ContextRoom
    ) {
        self.template = template
        self.tokenizer = tokenizer
        self.system = system
        self.sequence = sequence
        self.room = room
        clear()
    }

    /// Starts over; what the new messages have in common with the old is not read again.
    public func clear() {
        messages = []
        if let system { messages.append(ChatMessage(role: "system", content: system)) }
    }

    /// Adds somebody's message; one before it that got no answer, because its turn failed or was interrupted, goes.
    ///
    /// - Returns: the prompt that its answer follows. The sequence is cut back to what it has in common with the
    ///   conversation, and the prompt is the rest.
    /// - Throws: where the template refuses the message, or the conversation no longer fits; it goes on without the message.
    public func ask(_ text: String) throws(TaperError) -> [Int] {
        if messages.last?.role == "user" { messages.removeLast() }
        let before = messages
        messages.append(ChatMessage(role: "user", content: text))
        do throws(TaperError) {
            tokens = try encoded()
            while room.dropsOldest && tokens.count >= room.capacity && dropOldest() { tokens = try encoded() }
            guard tokens.count < room.capacity else {
                throw room.problem(
                    "the conversation does not fit the context", at: "message", atMost: room.capacity - 1,
                    tokens.count)
            }
        } catch {
            // With all that would have gone to make room for it.
            messages = before
            throw error
        }
        var common = 0
        while common < min(cached.count, tokens.count - 1) && cached[common] == tokens[common] { common += 1 }
        sequence.truncate(to: common)
        cached.removeLast(cached.count - common)
        return Array(tokens[common...])
    }

    /// Takes the answer down.
    /// - Parameter written: its tokens, the last of which the sequence need not hold.
    public func answered(_ text: String, tokens written: [Int]) {
        cached = Array((tokens + written).prefix(sequence.position))
        if !template.allowsEmpty && text.utf8.allSatisfy({ $0 <= 0x20 }) {
            // The template could not write this answer down, so the question goes too.
            messages.removeLast()
        } else {
            messages.append(ChatMessage(role: "assistant", content: text))
        }
    }

    private func encoded() throws(TaperError) -> [Int] {
        try template.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer)
    }

    /// Removes the oldest question with its answer, but neither the system message nor the newest question.
    private func dropOldest() -> Bool {
        let start = messages.first?.role == "system" ? 1 : 0
        guard messages.count - start > 2 else { return false }
        messages.removeSubrange(start..<start + 2)
        return true
    }
}
