import Storage

/// Walks the members of one JSON object in order without building a tree, so that a header of 100 MB needs no more
/// memory than what its reader keeps.
///
/// It splits: keys are decoded, values are handed out as bytes for `JSONValue.parse`. Values that nobody parses are
/// checked for balance only. Duplicate keys are the caller's to find.
struct JSONMemberScanner {
    private let bytes: UnsafeRawBufferPointer
    private let place: String
    /// Added to positions in messages, for objects inside larger texts.
    private let baseOffset: Int
    private var offset = 0
    private var started = false
    private var finished = false

    init(_ bytes: UnsafeRawBufferPointer, place: String, baseOffset: Int = 0) {
        self.bytes = bytes
        self.place = place
        self.baseOffset = baseOffset
    }

    struct Member {
        let key: String
        let value: UnsafeRawBufferPointer
        /// Position of the value, counted as messages count.
        let offset: Int
    }

    /// The next member, or nil after the closing brace, when nothing but white space may follow.
    mutating func next(keyLimit: Int = 65536) throws(TaperError) -> Member? {
        if finished { return nil }
        skipSpace()
        if !started {
            if let encoding = ByteOrderMark.count(bytes) > 0 ? "UTF-8" : ByteOrderMark.foreignEncoding(bytes) {
                throw TaperError(
                    .badData, "the text begins with a byte order mark of " + encoding, at: place,
                    remedy: "Save it as UTF-8 without one")
            }
            guard peek() == 0x7b else {
                throw TaperError(
                    .badData, bytes.isEmpty ? "the text is empty" : "not a JSON object", at: position(offset),
                    expected: "{", found: foundText)
            }
            offset += 1
            started = true
            skipSpace()
            if peek() == 0x7d { return try finish() }
        } else {
            if peek() == 0x7d { return try finish() }
            try expect(0x2c, "a comma or closing brace")
            skipSpace()
        }
        let keyStart = offset
        guard peek() == 0x22 else { throw failure("a quoted key") }
        try skipString()
        guard offset - keyStart <= keyLimit + 2 else {
            throw TaperError(
                .badData, "a key is too long", at: position(keyStart), expected: "at most " + byteText(keyLimit),
                found: byteText(offset - keyStart - 2))
        }
        let key = try text(UnsafeRawBufferPointer(rebasing: bytes[keyStart..<offset]), at: baseOffset + keyStart)
        skipSpace()
        try expect(0x3a, "a colon")
        skipSpace()
        let valueStart = offset
        try skipValue()
        return Member(
            key: key, value: UnsafeRawBufferPointer(rebasing: bytes[valueStart..<offset]),
            offset: baseOffset + valueStart)
    }

    /// Parses those members of an object that `keys` names; others are skipped, whatever their size.
    static func select(
        _ keys: Set<String>, from bytes: UnsafeRawBufferPointer, valueLimit: Int, place: String
    ) throws(TaperError) -> JSONValue {
        var scanner = JSONMemberScanner(bytes, place: place)
        var chosen: [JSONValue.Member] = []
        var seen: Set<String> = []
        while let member = try scanner.next() {
            guard seen.insert(member.key).inserted else {
                throw TaperError(.badData, "the key '" + printable(member.key) + "' appears twice", at: place)
            }
            guard keys.contains(member.key) else { continue }
            guard member.value.count <= valueLimit else {
                throw TaperError(
                    .badData, member.key + " is too large", at: place, expected: "at most " + byteText(valueLimit),
                    found: byteText(member.value.count))
            }
            chosen.append(.init(member.key, try JSONValue.parse(member.value, place: place + ": " + member.key)))
        }
        return .object(chosen)
    }

    /// The string a quoted slice stands for; `start` is its position for messages.
    func text(_ quoted: UnsafeRawBufferPointer, at start: Int) throws(TaperError) -> String {
        var textPlace: String { place + " at byte " + String(start) }
        let inner = UnsafeRawBufferPointer(rebasing: quoted[1..<quoted.count - 1])
        if !inner.contains(where: { $0 == 0x5c || $0 < 0x20 }) {
            guard let text = strictString(inner) else {
                throw TaperError(.badData, "a string is not UTF-8", at: textPlace)
            }
            return text
        }
        guard let text = try JSONValue.parse(quoted, place: textPlace).string else { throw failure("a string") }
        return text
    }

    private func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            offset += 1
        }
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(TaperError) {
        guard peek() == byte else { throw failure(what) }
        offset += 1
    }

    /// From the opening quote to behind the closing one.
    private mutating func skipString() throws(TaperError) {
        var position = offset + 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x5c {
                position += 2
            } else if byte == 0x22 {
                offset = position + 1
                return
            } else {
                position += 1
            }
        }
        throw failure("the end of a string")
    }

    private mutating func skipValue() throws(TaperError) {
        let start = offset
        var depth = 0
        while let byte = peek() {
            switch byte {
            case 0x22:
                try skipString()
            case 0x7b, 0x5b:
                depth += 1
                offset += 1
            case 0x7d, 0x5d:
                if depth == 0 { return try endOfLiteral(start) }
                depth -= 1
                offset += 1
            case 0x2c, 0x20, 0x0a, 0x0d, 0x09:
                if depth == 0 { return try endOfLiteral(start) }
                offset += 1
                continue
            default:
                offset += 1
                continue
            }
            if depth == 0 { return }
        }
        throw failure("the end of the object")
    }

    private func endOfLiteral(_ start: Int) throws(TaperError) {
        if offset == start { throw failure("a value") }
    }

    private mutating func finish() throws(TaperError) -> Member? {
        offset += 1
        skipSpace()
        guard offset == bytes.count else {
            throw TaperError(.badData, "text after the JSON object", at: position(offset))
        }
        finished = true
        return nil
    }

    private func position(_ offset: Int) -> String { place + " at byte " + String(baseOffset + offset) }

    private var foundText: String {
        peek().map { printable(String(UnicodeScalar($0 < 0x80 ? $0 : 0x3f))) } ?? "the end of the text"
    }

    private func failure(_ expected: String) -> TaperError {
        TaperError(.badData, "not valid JSON", at: position(offset), expected: expected, found: foundText)
    }
}
