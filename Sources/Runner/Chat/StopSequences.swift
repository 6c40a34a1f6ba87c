public import Model
internal import Text

/// Finds stop strings in text that arrives in pieces, and holds back only what may still become one.
///
/// Every byte carries the precision it was written with, so that held-back text keeps its colour.
/// Special tokens are no text, but a stop string may name them: those that do are looked for in all that was generated, the
/// others in the text alone.
public struct StopSequences {
    private var stops: [BytePattern] = []
    /// Of each stop string, how much of it the text ends with.
    private var matched: [Int] = []
    /// From here on stop strings spell special tokens.
    private let firstSpecial: Int
    /// What was not handed out begins at `handedOut`; what stands before is dropped when it has become the larger part.
    private var bytes: [UInt8] = []
    private var tags: [Precision] = []
    private var handedOut = 0
    /// Places in `bytes` of what is text.
    private var textPlaces: [Int] = []
    /// The stop string that ended the text.
    public private(set) var found: String?

    /// Of the bytes of special tokens, which are never handed out.
    private static var hidden: Precision { Precision(hundredths: Int.min) }

    /// Empty strings are left out: they would stop everything.
    /// - Parameter special: stop strings that name special tokens, alone or among text.
    public init(_ stops: [String], special: [String] = []) {
        for stop in stops where !stop.isEmpty { self.stops.append(BytePattern(Array(stop.utf8))) }
        firstSpecial = self.stops.count
        for stop in special where !stop.isEmpty { self.stops.append(BytePattern(Array(stop.utf8))) }
        matched = [Int](repeating: 0, count: self.stops.count)
    }

    /// Takes a piece of text and hands out what is surely no part of a stop string, in runs of equal precision.
    /// Nothing more comes out once a stop string was found.
    public mutating func append(_ text: String, bits tag: Precision, emit: (String, Precision) -> Void) {
        guard found == nil else { return }
        let isText = tag != StopSequences.hidden
        for byte in text.utf8 {
            if isText { textPlaces.append(bytes.count) }
            bytes.append(byte)
            tags.append(tag)
            // Text alone changes when text comes.
            for index in stops.indices where isText || index >= firstSpecial {
                matched[index] = stops[index].advance(matched[index], byte)
                if matched[index] < stops[index].count { continue }
                found = String(decoding: stops[index].bytes, as: UTF8.self)
                flush(upTo: start(of: index), emit)
                bytes = []
                tags = []
                textPlaces = []
                return
            }
        }
        flush(upTo: stops.indices.map { start(of: $0) }.min() ?? bytes.count, emit)
        forget()
    }

    /// Takes a special token by its name.
    public mutating func append(special name: String, emit: (String, Precision) -> Void) {
        if firstSpecial < stops.count { append(name, bits: StopSequences.hidden, emit: emit) }
    }

    /// Hands out what was held back, at the end of the text.
    public mutating func finish(emit: (String, Precision) -> Void) {
        if found == nil { flush(upTo: bytes.count, emit) }
    }

    /// Where in `bytes` the end begins that may become, or is, this stop string.
    private func start(of index: Int) -> Int {
        if matched[index] == 0 { return bytes.count }
        return index < firstSpecial ? textPlaces[textPlaces.count - matched[index]] : bytes.count - matched[index]
    }

    private mutating func flush(upTo end: Int, _ emit: (String, Precision) -> Void) {
        var start = handedOut
        while start < end {
            var next = start + 1
            while next < end && tags[next] == tags[start] { next += 1 }
            // Whole characters: text arrives whole, and a held-back part begins where a stop string does.
            if tags[start] != StopSequences.hidden {
                emit(String(decoding: bytes[start..<next], as: UTF8.self), tags[start])
            }
            start = next
        }
        handedOut = max(handedOut, end)
    }

    /// Drops what was handed out, in steps that grow with what is held back: one by one they would cost quadratic time.
    private mutating func forget() {
        guard handedOut > bytes.count - handedOut else { return }
        bytes.removeFirst(handedOut)
        tags.removeFirst(handedOut)
        let before = textPlaces.firstIndex { $0 >= handedOut } ?? textPlaces.count
        textPlaces.removeFirst(before)
        for index in textPlaces.indices { textPlaces[index] -= handedOut }
        handedOut = 0
    }
}
