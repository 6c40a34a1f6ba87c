import Runtime
import Storage
import Text

/// Every line of standard input is a message. The cache is kept: only what changed is read again.
struct Conversation {
    private let session: Session
    private let template: ChatTemplate
    private var messages: [ChatMessage] = []
    /// Tokens whose keys and values the cache holds.
    private var cached: [Int] = []
    private let isInteractive = StandardStreams.isTerminal(0)

    init(_ session: Session) throws(TaperError) {
        guard let template = session.template else {
            throw TaperError(
                .usage, "the bundle has no chat template", at: "--conversation", remedy: "Give a prompt with -p")
        }
        self.session = session
        self.template = template
        clear()
    }

    mutating func run() throws(TaperError) -> Int32 {
        if isInteractive && !session.options.quiet {
            StandardStreams.note("Type a message; /clear starts over, /exit or the end of input ends.")
        }
        var reader = LineReader()
        var first = session.options.prompt
        while session.output.isUsable {
            var line = first
            first = nil
            if line == nil {
                if isInteractive { StandardStreams.writeError("> ") }
                line = try reader.next()
            }
            if Interrupt.signal != 0 {
                if isInteractive { StandardStreams.note("") }
                return 128 + Interrupt.signal
            }
            guard let line else { break }
            switch line {
            case "": continue
            case "/exit": return 0
            case "/clear": clear()
            default:
                let code = try answer(line)
                if code != 0 { return code }
            }
        }
        if let failure = session.output.failure { throw failure }
        return 0
    }

    private mutating func clear() {
        messages = []
        if let system = session.options.systemPrompt {
            messages.append(ChatMessage(role: "system", content: system))
        }
    }

    private mutating func answer(_ line: String) throws(TaperError) -> Int32 {
        messages.append(ChatMessage(role: "user", content: line))
        var tokens: [Int]
        do throws(TaperError) {
            tokens = try encoded()
        } catch {
            // The template may refuse a message; the conversation goes on without it.
            messages.removeLast()
            guard isInteractive else { throw error }
            StandardStreams.note("error: " + error.message)
            return 0
        }
        let context = session.transformer.contextLength
        while session.options.dropOldest && tokens.count >= context && dropOldest() { tokens = try encoded() }
        guard tokens.count < context else {
            messages.removeLast()
            let problem = TaperError(
                .badData, "the conversation does not fit the context", at: "message",
                expected: "fewer than " + String(context) + " tokens", found: String(tokens.count),
                remedy: "/clear starts over; --ctx-size gives more room, --drop-oldest drops the oldest messages")
            guard isInteractive else { throw problem }
            StandardStreams.note("error: " + problem.message)
            return 0
        }
        var common = 0
        while common < min(cached.count, tokens.count - 1) && cached[common] == tokens[common] { common += 1 }
        session.transformer.truncate(to: common)
        let (result, text) = try session.write(Array(tokens[common...]))
        cached = Array((tokens + result.tokens).prefix(session.transformer.position))
        if !template.allowsEmpty && text.utf8.allSatisfy({ $0 <= 0x20 }) {
            // The template could not write this answer down, so the question goes too.
            messages.removeLast()
        } else {
            messages.append(ChatMessage(role: "assistant", content: text))
        }
        session.output.endLine()
        if isInteractive && Interrupt.signal == 2 {
            // Ctrl-C ends the answer; at the prompt it ends the program.
            Interrupt.clear()
            return 0
        }
        return try session.finish(result)
    }

    private func encoded() throws(TaperError) -> [Int] {
        try template.encode(messages, addGenerationPrompt: true, tokenizer: session.tokenizer)
    }

    /// Removes the oldest question with its answer, but neither the system message nor the newest question.
    private mutating func dropOldest() -> Bool {
        let start = messages.first?.role == "system" ? 1 : 0
        guard messages.count - start > 2 else { return false }
        messages.removeSubrange(start..<start + 2)
        return true
    }
}
