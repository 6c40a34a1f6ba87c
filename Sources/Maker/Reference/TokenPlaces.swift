/// Rotated keys and values of one layer so far, [positions][kvHeads * headSize].
final class LayerCache {
    private(set) var keys: [Float] = []
    private(set) var values: [Float] = []

    /// - Parameter capacity: floats that will be appended, as far as known.
    init(capacity: Int = 0) {
        keys.reserveCapacity(capacity)
        values.reserveCapacity(capacity)
    }

    func append(keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>, count: Int) {
        keys.append(contentsOf: UnsafeBufferPointer(start: newKeys, count: count))
        values.append(contentsOf: UnsafeBufferPointer(start: newValues, count: count))
    }

    /// Forgets all floats from `count` on.
    func truncate(to count: Int) {
        keys.removeLast(keys.count - count)
        values.removeLast(values.count - count)
    }
}

/// Where the tokens that a block is given stand, and what they see.
enum TokenPlaces {
    /// One after the other from this position on. With a cache, keys and values of earlier tokens come from there, and
    /// these tokens' are added to it.
    case run(from: Int, cache: LayerCache?)
    /// The next token of each of several sequences.
    case ends([(position: Int, cache: LayerCache)])

    /// The next token of each of several sequences.
    init(_ sequences: [ReferenceSequence], layer: Int) {
        self = .ends(sequences.map { ($0.position, $0.caches[layer]) })
    }

    /// Positions that a token sees at most.
    func visible(tokens: Int) -> Int {
        switch self {
        case .run(let position, _): position + tokens
        case .ends(let ends): 1 + ends.reduce(0) { max($0, $1.position) }
        }
    }
}
