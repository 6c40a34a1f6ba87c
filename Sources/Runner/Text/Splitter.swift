/// The ways in which tokenizers cut text into words before merging; each is a regular expression of the field, run as a
/// linear scan over character classes.
enum Splitter: UInt8 {
    /// Every digit apart from everything else.
    case digits = 0
    /// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    case gpt2 = 1
    /// Llama 3: contractions in any case, [^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|...
    case llama3 = 2
    /// The same with single digits (Qwen2).
    case qwen2 = 3
    /// Before every U+2581.
    case metaspace = 4
    /// Runs of digits apart from everything else.
    case digitRuns = 5

    static let llama3Pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    static let qwen2Pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    static let gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

    init?(pattern: String) {
        switch pattern {
        case Splitter.llama3Pattern: self = .llama3
        case Splitter.qwen2Pattern: self = .qwen2
        case Splitter.gpt2Pattern: self = .gpt2
        default: return nil
        }
    }
}

enum CharacterClass: UInt8 {
    case letter, number, space, newline, other

    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x41...0x5a, 0x61...0x7a: self = .letter
        case 0x30...0x39: self = .number
        case 0x0a, 0x0d: self = .newline
        case 0x20, 0x09, 0x0b, 0x0c: self = .space
        case 0..<0x80: self = .other
        default:
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .space : .other
            }
        }
    }

    var isSpace: Bool { self == .space || self == .newline }
}

/// Text as scalars with their classes and byte offsets.
struct ClassifiedText {
    let bytes: [UInt8]
    private(set) var scalars: [UInt32] = []
    private(set) var classes: [CharacterClass] = []
    /// offsets[i] ..< offsets[i + 1] are the bytes of scalar i.
    private(set) var offsets: [Int] = []

    /// `bytes` must be valid UTF-8.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        scalars.reserveCapacity(bytes.count)
        classes.reserveCapacity(bytes.count)
        offsets.reserveCapacity(bytes.count + 1)
        var offset = 0
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            scalars.append(scalar.value)
            classes.append(CharacterClass(scalar))
            offsets.append(offset)
            offset += UTF8.width(scalar)
        }
        offsets.append(offset)
    }

    /// Where the piece that starts at a scalar ends, at `end` the latest.
    func end(_ splitter: Splitter, from at: Int, _ end: Int) -> Int { max(at + 1, piece(splitter, at, end)) }

    private func run(_ start: Int, _ end: Int, _ matches: (CharacterClass) -> Bool) -> Int {
        var at = start
        while at < end && matches(classes[at]) { at += 1 }
        return at
    }

    private func piece(_ splitter: Splitter, _ at: Int, _ end: Int) -> Int {
        switch splitter {
        case .digits:
            return classes[at] == .number ? at + 1 : run(at, end) { $0 != .number }
        case .digitRuns:
            let isNumber = classes[at] == .number
            return run(at, end) { ($0 == .number) == isNumber }
        case .metaspace:
            var next = at + 1
            while next < end && scalars[next] != 0x2581 { next += 1 }
            return next
        case .gpt2: return gpt2(at, end)
        case .llama3: return llama3(at, end, digits: 3)
        case .qwen2: return llama3(at, end, digits: 1)
        }
    }

    /// End of a contraction such as 'll that starts at `at`, or nil.
    private func contraction(_ at: Int, _ end: Int, anyCase: Bool) -> Int? {
        guard scalars[at] == 0x27, at + 1 < end else { return nil }
        func lower(_ index: Int) -> UInt32 {
            guard index < end else { return 0 }
            let value = scalars[index]
            guard anyCase else { return value }
            // U+017F is a lower-case s under Unicode case folding.
            if value == 0x17f { return 0x73 }
            return (0x41...0x5a).contains(value) ? value + 0x20 : value
        }
        switch (lower(at + 1), lower(at + 2)) {
        case (0x73, _), (0x74, _), (0x6d, _), (0x64, _): return at + 2
        case (0x72, 0x65), (0x76, 0x65), (0x6c, 0x6c): return at + 3
        default: return nil
        }
    }

    private func gpt2(_ at: Int, _ end: Int) -> Int {
        if let next = contraction(at, end, anyCase: false) { return next }
        let body = scalars[at] == 0x20 && at + 1 < end ? at + 1 : at
        switch classes[body] {
        case .letter: return run(body, end) { $0 == .letter }
        case .number: return run(body, end) { $0 == .number }
        case .other: return run(body, end) { $0 == .other }
        case .space, .newline: return spaces(at, end)
        }
    }

    /// \s+(?!\S)|\s+ : all of a run of spaces but the last one, unless the text ends or the run is one space.
    private func spaces(_ at: Int, _ end: Int) -> Int {
        let stop = run(at, end) { $0.isSpace }
        return stop == end || stop == at + 1 ? stop : stop - 1
    }

    private func llama3(_ at: Int, _ end: Int, digits: Int) -> Int {
        if let next = contraction(at, end, anyCase: true) { return next }
        switch classes[at] {
        case .letter: return run(at, end) { $0 == .letter }
        case .number: return run(at, min(end, at + digits)) { $0 == .number }
        case .space, .other:
            if at + 1 < end, classes[at + 1] == .letter { return run(at + 1, end) { $0 == .letter } }
        case .newline: break
        }
        let body = scalars[at] == 0x20 && at + 1 < end ? at + 1 : at
        if classes[body] == .other {
            let stop = run(body, end) { $0 == .other }
            return run(stop, end) { $0 == .newline }
        }
        // \s*[\r\n]+ reaches to the last line break of the run.
        let stop = run(at, end) { $0.isSpace }
        var last = stop
        while last > at && classes[last - 1] != .newline { last -= 1 }
        return last > at ? last : spaces(at, end)
    }
}
