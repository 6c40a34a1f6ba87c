import Chat
import Runtime
import Storage
import Text

/// A conversation at the terminal: every line of standard input is a message.
struct Dialogue {
    private let session: Session
    private let conversation: Conversation
    private let isInteractive = StandardStreams.isTerminal(0)

    init(_ session: Session) throws(TaperError) {
        guard let template = session.template else {
            throw TaperError(
                .usage, "the bundle has no chat template", at: "--conversation", remedy: "Give a prompt with -p")
        }
        self.session = session
        conversation = Conversation(
            template, session.tokenizer, system: session.options.systemPrompt, in: session.sequence,
            room: session.room(
                remedy: "/clear starts over; " + (session.couldHaveLongerContext ? "--ctx-size gives more room, " : "")
                    + "--drop-oldest drops the oldest messages"))
    }

    func run() throws(TaperError) -> Int32 {
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
            case "/clear": conversation.clear()
            default:
                let code = try answer(line)
                if code != 0 { return code }
            }
        }
        if let failure = session.output.failure { throw failure }
        return 0
    }

    private func answer(_ line: String) throws(TaperError) -> Int32 {
        let prompt: [Int]
        do throws(TaperError) {
            prompt = try conversation.ask(line)
        } catch {
            guard isInteractive else { throw error }
            StandardStreams.note("error: " + error.message)
            return 0
        }
        let (result, text): (GenerationResult, String)
        do throws(TaperError) {
            (result, text) = try session.write(prompt)
        } catch {
            guard error.code == .interrupted && isInterruptedAtKeyboard else { throw error }
            // While the prompt was read: the conversation goes on without it.
            StandardStreams.note("interrupted")
            Interrupt.clear()
            return 0
        }
        conversation.answered(text, tokens: result.tokens)
        session.output.endLine()
        if isInterruptedAtKeyboard {
            Interrupt.clear()
            return 0
        }
        return try session.finish(result)
    }

    /// Ctrl-C ends the answer; at the prompt it ends the program.
    private var isInterruptedAtKeyboard: Bool { isInteractive && Interrupt.signal == 2 }
}
