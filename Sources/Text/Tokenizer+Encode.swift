@_spi(_Unicode) import Swift
import Storage

extension Tokenizer {
    /// Token ids of a text, in time linear in its length (times a logarithm for very long words).
    ///
    /// - Parameters:
    ///   - addSpecial: put the tokenizer's own prefix and suffix around the text, such as a beginning-of-sequence token.
    ///   - parseSpecial: recognise special tokens written in the text; false for text that users wrote.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int] {
        var ids = addSpecial ? settings.prefixTokens : []
        var merger = BytePairMerger()
        var isFirst = true
        for part in segments(Array(text.utf8), parseSpecial: parseSpecial) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let bytes): encode(bytes, isFirst: isFirst, &merger, into: &ids)
            }
            isFirst = false
        }
        return addSpecial ? ids + settings.suffixTokens : ids
    }

    private enum Segment {
        case text([UInt8])
        case token(Int)
    }

    /// Cuts the text at added tokens: the leftmost, and of those the longest.
    private func segments(_ bytes: [UInt8], parseSpecial: Bool) -> [Segment] {
        var result: [Segment] = []
        var start = 0
        var at = 0
        while at < bytes.count {
            let candidates = addedByFirstByte[Int(bytes[at])]
            guard !candidates.isEmpty, let id = candidates.first(where: { matches($0, bytes, at, parseSpecial) }) else {
                at += 1
                continue
            }
            var end = at
            if flags[id] & TokenFlag.stripLeft != 0 {
                while let width = WhiteSpace.width(endingAt: end, in: bytes), end - width >= start { end -= width }
            }
            if end > start { result.append(.text(Array(bytes[start..<end]))) }
            result.append(.token(id))
            at += Int(offsets[id + 1] - offsets[id])
            if flags[id] & TokenFlag.stripRight != 0 {
                while let width = WhiteSpace.width(startingAt: at, in: bytes) { at += width }
            }
            start = at
        }
        if start < bytes.count { result.append(.text(start == 0 ? bytes : Array(bytes[start...]))) }
        return result
    }

    private func matches(_ id: Int, _ bytes: [UInt8], _ at: Int, _ parseSpecial: Bool) -> Bool {
        if !parseSpecial && flags[id] & TokenFlag.special != 0 { return false }
        let start = Int(offsets[id])
        let count = Int(offsets[id + 1]) - start
        guard count <= bytes.count - at else { return false }
        for index in 0..<count where blob[start + index] != bytes[at + index] { return false }
        return true
    }

    private func encode(_ raw: [UInt8], isFirst: Bool, _ merger: inout BytePairMerger, into ids: inout [Int]) {
        var bytes = raw
        // ASCII is its own NFC.
        if settings.normalizesNFC && !raw.allSatisfy({ $0 < 0x80 }) {
            var normalized = ""
            for scalar in Tokenizer.decomposed(raw)._nfc { normalized.unicodeScalars.append(scalar) }
            bytes = Array(normalized.utf8)
        }
        if settings.kind == .sentencePiece { bytes = metaspaced(bytes, isFirst: isFirst) }
        var symbols: [UInt32] = []
        if settings.splitters.isEmpty {
            encodeWord(bytes[...], &symbols, &merger, into: &ids)
            return
        }
        let text = ClassifiedText(bytes)
        func cut(_ range: Range<Int>, _ level: Int) {
            guard level < settings.splitters.count else {
                encodeWord(
                    bytes[text.offsets[range.lowerBound]..<text.offsets[range.upperBound]], &symbols, &merger,
                    into: &ids)
                return
            }
            text.split(settings.splitters[level], range) { cut($0, level + 1) }
        }
        cut(0..<text.scalars.count, 0)
    }

    /// Three Tibetan vowels count as starters but decompose into marks, which the standard library then fails to reorder;
    /// they never occur in composed text, so they may be taken apart beforehand.
    private static func decomposed(_ raw: [UInt8]) -> String {
        let text = String(decoding: raw, as: UTF8.self)
        func isOdd(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value == 0x0f73 || scalar.value == 0x0f75 || scalar.value == 0x0f81
        }
        guard text.unicodeScalars.contains(where: isOdd) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0f73: out.unicodeScalars.append(contentsOf: "\u{0f71}\u{0f72}".unicodeScalars)
            case 0x0f75: out.unicodeScalars.append(contentsOf: "\u{0f71}\u{0f74}".unicodeScalars)
            case 0x0f81: out.unicodeScalars.append(contentsOf: "\u{0f71}\u{0f80}".unicodeScalars)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Spaces to U+2581, with the prefix the tokenizer asks for.
    private func metaspaced(_ bytes: [UInt8], isFirst: Bool) -> [UInt8] {
        let mark: [UInt8] = [0xe2, 0x96, 0x81]
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 3)
        let startsWithSpace = bytes.first == 0x20 || bytes.starts(with: mark)
        switch settings.prefix {
        case .never: break
        case .always: if !bytes.isEmpty { out += mark }
        case .first: if isFirst && !startsWithSpace { out += mark }
        case .unlessSpace: if !startsWithSpace { out += mark }
        }
        for byte in bytes { if byte == 0x20 { out += mark } else { out.append(byte) } }
        return out
    }

    private func encodeWord(
        _ word: ArraySlice<UInt8>, _ symbols: inout [UInt32], _ merger: inout BytePairMerger, into ids: inout [Int]
    ) {
        if settings.ignoresMerges, let whole = word.withUnsafeBufferPointer({ find($0) }),
            flags[whole] & TokenFlag.added == 0
        {
            ids.append(whole)
            return
        }
        symbols.removeAll(keepingCapacity: true)
        switch settings.kind {
        case .byteLevel:
            for byte in word {
                let token = byteTokens[Int(byte)]
                if token >= 0 {
                    symbols.append(UInt32(token))
                } else if let unknown = settings.unknown {
                    symbols.append(UInt32(unknown))
                }
            }
        case .sentencePiece: characters(of: word, into: &symbols)
        }
        merger.merge(&symbols, with: self)
        for symbol in symbols { ids.append(Int(symbol)) }
    }

    /// One symbol per character, byte tokens for characters the vocabulary lacks, or the unknown token.
    private func characters(of word: ArraySlice<UInt8>, into symbols: inout [UInt32]) {
        var at = word.startIndex
        while at < word.endIndex {
            let lead = word[at]
            let width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
            let end = min(at + width, word.endIndex)
            let character = word[at..<end]
            if let id = character.withUnsafeBufferPointer({ find($0) }) {
                symbols.append(UInt32(id))
            } else if character.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in character { symbols.append(UInt32(byteTokens[Int(byte)])) }
            } else if let unknown = settings.unknown {
                if !settings.fusesUnknown || symbols.last != UInt32(unknown) { symbols.append(UInt32(unknown)) }
            }
            at = end
        }
    }
}
