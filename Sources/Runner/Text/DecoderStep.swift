/// One step of turning the spellings of tokens into text. Before a step that joins them, tokens are seen one by one.
enum DecoderStep: Equatable {
    /// Every occurrence of the first string becomes the second.
    case replace([UInt8], [UInt8])
    /// Runs of `<0xNN>` become the characters whose bytes they are, or one U+FFFD each.
    case byteFallback
    /// What follows sees one text.
    case fuse
    /// Takes a character off the ends, at most so many times.
    case strip([UInt8], start: Int, stop: Int)
    /// U+2581 becomes a space, and goes from the first token.
    case metaspace(stripsFirst: Bool)
    /// Tokens are bytes of the text; what is not UTF-8 becomes U+FFFD.
    case bytes
    /// A space between tokens: what the `tokenizers` library does without a decoder.
    case spaces
}

/// The steps at work: takes tokens one at a time and gives out text as soon as no later token can change it.
struct TokenDecoder {
    private struct Stage {
        let step: DecoderStep
        /// A step before this one has joined the tokens.
        let isFused: Bool
        /// What later tokens may still change.
        var pending: [UInt8] = []
        /// Tokens seen, or characters taken off the start, or broken runs of byte tokens in progress.
        var count: Int
        /// Characters held back because they may be the text's last.
        var heldCount = 0
        /// Of a step that replaces in joined text.
        var replacer: StreamReplacer?
    }

    private var stages: [Stage] = []
    private let isEager: Bool
    /// Text that is ready.
    private var out: [UInt8] = []
    private static let replacement: [UInt8] = Mark.replacement

    /// - Parameters:
    ///   - atStart: the first token starts a text; otherwise steps that treat a text's start leave it alone.
    ///   - isEager: give out the characters of a run of byte tokens at once, although a later byte that breaks the run would turn all
    ///     of it into U+FFFD.
    init(_ steps: [DecoderStep], atStart: Bool, isEager: Bool = false) {
        self.isEager = isEager
        var isFused = false
        for step in steps {
            var count = 0
            if !atStart {
                switch step {
                case .metaspace, .spaces: count = 1
                case .strip(_, let start, _): count = isFused ? start : 0
                default: break
                }
            }
            var stage = Stage(step: step, isFused: isFused, count: count)
            if isFused, case .replace(let pattern, let content) = step {
                stage.replacer = StreamReplacer(BytePattern(pattern), content)
            }
            stages.append(stage)
            if step == .fuse || step == .bytes { isFused = true }
        }
    }

    /// Adds a token by its spelling.
    mutating func feed(_ token: [UInt8]) { push(0, token) }

    /// Ends the text.
    mutating func finish() {
        for index in stages.indices {
            let rest = stages[index].pending
            stages[index].pending = []
            switch stages[index].step {
            case .replace:
                var end: [UInt8] = []
                stages[index].replacer?.finish(into: &end)
                if !end.isEmpty { push(index + 1, end) }
            case .byteFallback: push(index + 1, run: rest)
            case .bytes:
                if !rest.isEmpty { push(index + 1, Array(String(decoding: rest, as: UTF8.self).utf8)) }
            default: break
            }
        }
    }

    /// The text that became ready since the last call.
    mutating func take() -> String {
        let text = String(decoding: out, as: UTF8.self)
        out.removeAll(keepingCapacity: true)
        return text
    }

    private mutating func push(_ index: Int, _ bytes: [UInt8]) {
        guard index < stages.count else {
            out += bytes
            return
        }
        let isFused = stages[index].isFused
        switch stages[index].step {
        case .replace(let pattern, let content):
            guard isFused else { return push(index + 1, NormalizerStep.replaced(bytes, pattern, content)) }
            var ready: [UInt8] = []
            stages[index].replacer?.feed(bytes, into: &ready)
            if !ready.isEmpty { push(index + 1, ready) }
        case .byteFallback:
            if let value = bytes.withUnsafeBufferPointer({ Tokenizer.byteValue($0) }) {
                stages[index].pending.append(value)
                if isEager { pushWhole(index) }
            } else {
                let run = stages[index].pending
                stages[index].pending = []
                stages[index].count = 0
                push(index + 1, run: run)
                push(index + 1, bytes)
            }
        case .fuse: push(index + 1, bytes)
        case .strip(let content, let start, let stop):
            push(
                index + 1,
                isFused
                    ? stripped(index, bytes, content, start, stop) : TokenDecoder.stripped(bytes, content, start, stop))
        case .metaspace(let stripsFirst):
            let isFirst = stripsFirst && stages[index].count == 0
            if !isFused { stages[index].count = 1 }
            push(index + 1, NormalizerStep.replaced(bytes, Mark.bytes, isFirst ? [] : Mark.space))
        case .bytes:
            let rest = stages[index].pending + bytes
            let end = TokenDecoder.wholePrefix(rest)
            stages[index].pending = Array(rest[end...])
            if end > 0 { push(index + 1, Array(String(decoding: rest[..<end], as: UTF8.self).utf8)) }
        case .spaces:
            push(index + 1, stages[index].count == 0 ? bytes : Mark.space + bytes)
            stages[index].count = 1
        }
    }

    /// The whole characters of an unfinished run of byte tokens.
    private mutating func pushWhole(_ index: Int) {
        let run = stages[index].pending
        let end = TokenDecoder.wholePrefix(run)
        if stages[index].count == 0 && end == 0 { return }
        let isText = stages[index].count == 0 && String(validating: run[..<end], as: UTF8.self) != nil
        if !isText { stages[index].count = 1 }
        stages[index].pending = isText ? Array(run[end...]) : []
        push(index + 1, run: isText ? Array(run[..<end]) : run, isText: isText)
    }

    /// A run of byte tokens: text only if all of it is UTF-8.
    private mutating func push(_ index: Int, run: [UInt8]) {
        push(index, run: run, isText: String(validating: run, as: UTF8.self) != nil)
    }

    private mutating func push(_ index: Int, run: [UInt8], isText: Bool) {
        if run.isEmpty { return }
        if isText { return push(index, run) }
        for _ in run { push(index, TokenDecoder.replacement) }
    }

    /// Joined text without the characters at its start and with those at its end held back. They are whole characters, as all that
    /// joined text is made of, so that those held back are a number of equal ones.
    private mutating func stripped(_ index: Int, _ bytes: [UInt8], _ content: [UInt8], _ start: Int, _ stop: Int)
        -> [UInt8]
    {
        var rest = bytes[...]
        while stages[index].count < start, !rest.isEmpty {
            if rest.starts(with: content) {
                rest = rest.dropFirst(content.count)
                stages[index].count += 1
            } else {
                stages[index].count = start
            }
        }
        var end = rest.endIndex
        var found = 0
        while found < stop, end - rest.startIndex >= content.count,
            rest[(end - content.count)..<end].elementsEqual(content)
        {
            end -= content.count
            found += 1
        }
        let before = stages[index].heldCount
        var out: [UInt8] = []
        // Characters before others are not the last; of those that still may be, the earliest go when there are too many.
        let isAll = end == rest.startIndex
        let released = isAll ? max(0, before - (stop - found)) : before
        for _ in 0..<released { out += content }
        stages[index].heldCount = (isAll ? before - released : 0) + found
        return out + rest[..<end]
    }

    private static func stripped(_ bytes: [UInt8], _ content: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
        var rest = bytes[...]
        for _ in 0..<start { if rest.starts(with: content) { rest = rest.dropFirst(content.count) } else { break } }
        for _ in 0..<stop {
            if rest.count >= content.count, rest.suffix(content.count).elementsEqual(content) {
                rest = rest.dropLast(content.count)
            } else {
                break
            }
        }
        return Array(rest)
    }

    /// Bytes before a possibly unfinished last character. Bytes that can never become a character are not held back.
    private static func wholePrefix(_ bytes: [UInt8]) -> Int {
        var start = bytes.count
        var seen = 0
        while start > 0 && seen < 4 {
            start -= 1
            seen += 1
            let byte = bytes[start]
            if byte & 0xc0 == 0x80 { continue }
            let width = byte < 0x80 ? 1 : byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1
            return width > seen ? start : bytes.count
        }
        return bytes.count
    }
}
