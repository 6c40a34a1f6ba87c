import Bundle
import Chat
import Decoding
import Model
import Runtime
import Storage
import Text

extension Session {
    /// One prompt, one answer. Returns the exit code.
    func answerPrompt() throws(TaperError) -> Int32 {
        guard let text = try promptText() else {
            throw TaperError(.usage, "no prompt given", at: "command line", remedy: "Use -p, -f or -cnv")
        }
        var tokens: [Int]
        let room = room(
            remedy: couldHaveLongerContext
                ? "Use a larger --ctx-size, or shorten the text"
                : "Shorten the text: the model has no longer context")
        if let template {
            guard !text.isEmpty else { throw emptyPrompt(remedy: "Write a message, or converse with -cnv") }
            var messages: [ChatMessage] = []
            if let system = options.systemPrompt { messages.append(ChatMessage(role: "system", content: system)) }
            messages.append(ChatMessage(role: "user", content: text))
            tokens = try template.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer)
        } else {
            tokens = try tokenizer.encode(text, addSpecial: true, parseSpecial: true)
            if tokens.isEmpty {
                guard let start = tokenizer.bosToken else {
                    throw emptyPrompt(remedy: "The model has no token to begin with, so give it a text")
                }
                tokens = [start]
            }
            let dropped = try room.fit(&tokens, startToken: tokenizer.bosToken)
            if dropped > 0 && !options.quiet {
                StandardStreams.note("warning: dropped the oldest " + String(dropped) + " tokens of the prompt")
            }
        }
        try room.check(tokens)
        let (result, answer) = try write(tokens)
        if options.json {
            output.write(
                Report.json(result, text: answer, schedule: schedule, releasedBytes: releasedBytes, memory: memory)
                    .text(indented: true) + "\n")
        } else {
            output.endLine()
        }
        return try finish(result)
    }

    private func emptyPrompt(remedy: String) -> TaperError {
        TaperError(.usage, "the prompt is empty", at: options.promptFile ?? Flag.prompt.name, remedy: remedy)
    }

    /// Generates after `tokens`, writing the text as it comes (with `--json` nothing yet).
    func write(_ tokens: [Int]) throws(TaperError) -> (result: GenerationResult, text: String) {
        if output.isColoured && !options.quiet {
            var used = [schedule.scheduler.prefillBits]
            for bits in schedule.scheduler.decodeBits where !used.contains(bits) { used.append(bits) }
            StandardStreams.writeError(Output.legend(used) + "\n")
        }
        let silent = options.json
        var text = AnswerText(tokenizer, stops: stopTexts, atStart: template != nil, isStreamed: !silent)
        var answer = ""
        releasedBytes = 0
        func emit(_ part: String, _ bits: Precision) {
            answer += part
            if !silent { output.write(part, bits: bits) }
        }
        var lastBits = schedule.scheduler.prefillBits
        var step = 0
        let result = try generate(
            engine, sequence, prompt: tokens, maxNewTokens: options.maxNewTokens, scheduler: schedule.scheduler,
            speculation: speculation, ceiling: memory?.ceiling, sampler: &sampler, stopTokens: stopTokens
        ) { token, bits in
            memory?.tell()
            if options.trim {
                if bits < lastBits { releasedBytes += bundle.releasePlanes(above: bits, upTo: lastBits) }
                if bits < lastBits || step == 0 {
                    bundle.releaseUnread(bits: bits)
                    engine.forgetChecks()
                }
            }
            step += 1
            lastBits = bits
            text.append(token, bits: bits, emit: emit)
            return !text.hasEnded && output.isUsable && Interrupt.signal == 0
        }
        text.finish(emit: emit)
        return (result, answer)
    }

    /// Statistics, and what became of the run.
    func finish(_ result: GenerationResult) throws(TaperError) -> Int32 {
        if let failure = output.failure { throw failure }
        if Interrupt.signal != 0 {
            StandardStreams.note("interrupted")
            return 128 + Interrupt.signal
        }
        if !options.quiet {
            if result.stopReason == .contextFull {
                StandardStreams.note(
                    "warning: stopped because the context of " + String(engine.contextLength)
                        + " tokens is full" + (couldHaveLongerContext ? "; --ctx-size makes it larger" : ""))
            }
            if let warning = schedule.warning(newTokens: result.tokens.count) {
                StandardStreams.note("warning: " + warning)
            }
            var line = Report.line(result, schedule: schedule)
            if options.trim {
                line += "; gave back " + byteText(releasedBytes) + ", " + byteText(residentBytes()) + " resident"
            }
            if let memory { line += "; " + memory.text }
            StandardStreams.note(line)
        }
        if options.verbose {
            StandardStreams.note("peak resident memory " + byteText(peakResidentBytes()))
        }
        return 0
    }

    private func promptText() throws(TaperError) -> String? {
        var text: String
        if let path = options.promptFile {
            let limit = 64 << 20
            let place = path == "-" ? "standard input" : path
            var bytes = try Files.textBytes(
                try path == "-" ? StandardStreams.readAll(limit: limit) : Files.read(path, limit: limit), place: place)
            // The newline that ends a text file is no part of the prompt.
            if bytes.last == 0x0a { bytes.removeLast() }
            text = String(decoding: bytes, as: UTF8.self)
        } else if let prompt = options.prompt {
            text = prompt
        } else {
            return nil
        }
        if options.escapes { text = unescaped(text) }
        return text
    }
}

/// \n, \r, \t, \\, \" and \' replaced; anything else after a backslash stays.
private func unescaped(_ text: String) -> String {
    var out: [UInt8] = []
    var isEscaped = false
    for byte in text.utf8 {
        if !isEscaped {
            if byte == 0x5c { isEscaped = true } else { out.append(byte) }
            continue
        }
        isEscaped = false
        switch byte {
        case 0x6e: out.append(0x0a)
        case 0x72: out.append(0x0d)
        case 0x74: out.append(0x09)
        case 0x5c, 0x22, 0x27: out.append(byte)
        default: out.append(contentsOf: [0x5c, byte])
        }
    }
    if isEscaped { out.append(0x5c) }
    return String(decoding: out, as: UTF8.self)
}
