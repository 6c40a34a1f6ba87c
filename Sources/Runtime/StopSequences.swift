/// Finds stop strings in text that arrives in pieces, and holds back only what may still become one.
///
/// Every byte carries a tag of the caller (the precision it was written with), so that held-back text keeps its colour.
public struct StopSequences {
    private let stops: [[UInt8]]
    private var pending: [UInt8] = []
    private var tags: [Int] = []
    /// The stop string that ended the text.
    public private(set) var found: String?

    /// Empty strings are left out: they would stop everything.
    public init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// Takes a piece of text and hands out what is surely no part of a stop string, in runs of equal tags.
    /// Nothing more comes out once a stop string was found.
    public mutating func append(_ text: String, tag: Int, emit: (String, Int) -> Void) {
        guard found == nil else { return }
        for byte in text.utf8 {
            pending.append(byte)
            tags.append(tag)
            for stop in stops where pending.count >= stop.count && pending.suffix(stop.count).elementsEqual(stop) {
                found = String(decoding: stop, as: UTF8.self)
                flush(pending.count - stop.count, emit)
                pending = []
                tags = []
                return
            }
        }
        flush(pending.count - heldCount(), emit)
    }

    /// Hands out what was held back, at the end of the text.
    public mutating func finish(emit: (String, Int) -> Void) {
        if found == nil { flush(pending.count, emit) }
    }

    /// Length of the longest end of `pending` that begins a stop string.
    private func heldCount() -> Int {
        var longest = 0
        for stop in stops {
            var count = min(stop.count - 1, pending.count)
            while count > longest {
                if pending.suffix(count).elementsEqual(stop.prefix(count)) { longest = count }
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
            emit(String(decoding: pending[start..<end], as: UTF8.self), tags[start])
            start = end
        }
        pending.removeFirst(count)
        tags.removeFirst(count)
    }
}
