/// Finds stop strings in text that arrives in pieces, and holds back only what may still become one.
///
/// Every byte carries a tag of the caller (the precision it was written with), so that held-back text keeps its colour.
/// Special tokens are no text, but a stop string may name them: those that do are looked for in all that was generated, the
/// others in the text alone.
public struct StopSequences {
    private struct Stop {
        let bytes: [UInt8]
        /// Spells a special token.
        let isSpecial: Bool
    }

    private let stops: [Stop]
    private var pending: [UInt8] = []
    private var tags: [Int] = []
    /// Places in `pending` of bytes that are text.
    private var visible: [Int] = []
    /// The stop string that ended the text.
    public private(set) var found: String?

    /// Of the bytes of special tokens, which are never handed out.
    private static let hidden = Int.min

    /// Empty strings are left out: they would stop everything.
    /// - Parameter special: stop strings that name special tokens, alone or among text.
    public init(_ stops: [String], special: [String] = []) {
        var all: [Stop] = []
        for (list, isSpecial) in [(stops, false), (special, true)] {
            for stop in list where !stop.isEmpty { all.append(Stop(bytes: Array(stop.utf8), isSpecial: isSpecial)) }
        }
        self.stops = all
    }

    /// Takes a piece of text and hands out what is surely no part of a stop string, in runs of equal tags.
    /// Nothing more comes out once a stop string was found.
    public mutating func append(_ text: String, tag: Int, emit: (String, Int) -> Void) {
        take(text, tag: tag, emit: emit)
    }

    /// Takes a special token by its name.
    public mutating func append(special name: String, emit: (String, Int) -> Void) {
        if stops.contains(where: { $0.isSpecial }) { take(name, tag: StopSequences.hidden, emit: emit) }
    }

    private mutating func take(_ text: String, tag: Int, emit: (String, Int) -> Void) {
        guard found == nil else { return }
        for byte in text.utf8 {
            if tag != StopSequences.hidden { visible.append(pending.count) }
            pending.append(byte)
            tags.append(tag)
            // Text alone changes when text comes.
            for stop in stops where stop.isSpecial || tag != StopSequences.hidden {
                guard let start = start(ofLast: stop.bytes.count, in: stop) else { continue }
                found = String(decoding: stop.bytes, as: UTF8.self)
                flush(start, emit)
                (pending, tags, visible) = ([], [], [])
                return
            }
        }
        flush(pending.count - heldCount(), emit)
    }

    /// Hands out what was held back, at the end of the text.
    public mutating func finish(emit: (String, Int) -> Void) {
        if found == nil { flush(pending.count, emit) }
    }

    /// Place in `pending` of the first of the last `count` bytes that the stop string looks at, when they begin it.
    private func start(ofLast count: Int, in stop: Stop) -> Int? {
        let seen = stop.isSpecial ? pending.count : visible.count
        guard count > 0, count <= seen else { return nil }
        for index in 0..<count {
            let place = stop.isSpecial ? seen - count + index : visible[seen - count + index]
            if pending[place] != stop.bytes[index] { return nil }
        }
        return stop.isSpecial ? seen - count : visible[seen - count]
    }

    /// Length of the longest end of `pending` that begins a stop string.
    private func heldCount() -> Int {
        var longest = 0
        for stop in stops {
            var count = min(stop.bytes.count - 1, pending.count)
            while count > 0 {
                if let start = start(ofLast: count, in: stop) {
                    longest = max(longest, pending.count - start)
                    break
                }
                count -= 1
            }
        }
        return longest
    }

    private mutating func flush(_ count: Int, _ emit: (String, Int) -> Void) {
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
        visible = visible.compactMap { $0 < count ? nil : $0 - count }
    }
}
