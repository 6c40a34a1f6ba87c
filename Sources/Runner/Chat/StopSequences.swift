public import Model

/// Finds stop strings in text that arrives in pieces, and holds back only what may still become one.
///
/// Every byte carries the precision it was written with, so that held-back text keeps its colour.
/// Special tokens are no text, but a stop string may name them: those that do are looked for in all that was generated, the
/// others in the text alone.
public struct StopSequences {
    private var stops: [[UInt8]] = []
    /// From here on stop strings spell special tokens.
    private let firstSpecial: Int
    private var pending: [UInt8] = []
    private var tags: [Precision] = []
    /// The stop string that ended the text.
    public private(set) var found: String?

    /// Of the bytes of special tokens, which are never handed out.
    private static var hidden: Precision { Precision(hundredths: Int.min) }

    /// Empty strings are left out: they would stop everything.
    /// - Parameter special: stop strings that name special tokens, alone or among text.
    public init(_ stops: [String], special: [String] = []) {
        for stop in stops where !stop.isEmpty { self.stops.append(Array(stop.utf8)) }
        firstSpecial = self.stops.count
        for stop in special where !stop.isEmpty { self.stops.append(Array(stop.utf8)) }
    }

    /// Takes a piece of text and hands out what is surely no part of a stop string, in runs of equal precision.
    /// Nothing more comes out once a stop string was found.
    public mutating func append(_ text: String, bits tag: Precision, emit: (String, Precision) -> Void) {
        guard found == nil else { return }
        for byte in text.utf8 {
            pending.append(byte)
            tags.append(tag)
            // Text alone changes when text comes.
            for index in stops.indices where index >= firstSpecial || tag != StopSequences.hidden {
                let start = start(ofLast: stops[index].count, of: index)
                if start < 0 { continue }
                found = String(decoding: stops[index], as: UTF8.self)
                flush(start, emit)
                pending = []
                tags = []
                return
            }
        }
        flush(pending.count - heldCount(), emit)
    }

    /// Takes a special token by its name.
    public mutating func append(special name: String, emit: (String, Precision) -> Void) {
        if firstSpecial < stops.count { append(name, bits: StopSequences.hidden, emit: emit) }
    }

    /// Hands out what was held back, at the end of the text.
    public mutating func finish(emit: (String, Precision) -> Void) {
        if found == nil { flush(pending.count, emit) }
    }

    /// Place in `pending` of the first of the last `count` bytes that a stop string looks at, when they begin it; else -1.
    private func start(ofLast count: Int, of index: Int) -> Int {
        var left = count
        var place = pending.count
        while left > 0 {
            place -= 1
            if place < 0 { return -1 }
            if index < firstSpecial && tags[place] == StopSequences.hidden { continue }
            left -= 1
            if pending[place] != stops[index][left] { return -1 }
        }
        return place
    }

    /// Length of the longest end of `pending` that begins a stop string.
    private func heldCount() -> Int {
        var longest = 0
        for index in stops.indices {
            var count = min(stops[index].count - 1, pending.count)
            while count > 0 {
                let start = start(ofLast: count, of: index)
                if start >= 0 {
                    longest = max(longest, pending.count - start)
                    break
                }
                count -= 1
            }
        }
        return longest
    }

    private mutating func flush(_ count: Int, _ emit: (String, Precision) -> Void) {
        var start = 0
        while start < count {
            var end = start + 1
            while end < count && tags[end] == tags[start] { end += 1 }
            // Whole characters: text arrives whole, and a held-back part begins where a stop string does.
            if tags[start] != StopSequences.hidden {
                emit(String(decoding: pending[start..<end], as: UTF8.self), tags[start])
            }
            start = end
        }
        pending.removeFirst(count)
        tags.removeFirst(count)
    }
}
