/// Merges neighbours by rank, lowest first, leftmost of equals. Candidates of one rank wait in one list, since a long text has many of
/// each: a monotonous text of n symbols takes n steps, any other n log n at most.
struct BytePairMerger {
    /// Places where a pair of one rank stood when it was found; it may have gone since.
    private struct Bucket {
        var rank: UInt32
        var places: [Int32] = []
        var isSorted = true
    }

    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var buckets: [Bucket] = []
    private var bucketOf: [UInt32: Int] = [:]
    /// Ranks of the buckets that wait, lowest first.
    private var ranks = MinimumHeap<UInt32>()
    /// Candidates that go before the rest of the bucket at work, rank and place in one number.
    private var urgent = MinimumHeap<UInt64>()
    private var lastRank: UInt32 = 0
    private var lastBucket = -1

    /// Replaces `symbols` by what remains after all merges.
    mutating func merge(_ symbols: inout [UInt32], with tokenizer: Tokenizer) {
        if symbols.count < 2 { return }
        if symbols.count <= 16 { return mergeShort(&symbols, with: tokenizer) }
        let count = symbols.count
        next = (0..<count).map { $0 + 1 < count ? Int32($0 + 1) : -1 }
        previous = (0..<count).map { Int32($0 - 1) }
        buckets.removeAll(keepingCapacity: true)
        bucketOf.removeAll(keepingCapacity: true)
        lastBucket = -1
        for place in 0..<count - 1 {
            if let merge = tokenizer.merge(symbols[place], symbols[place + 1]) { wait(merge.rank, Int32(place)) }
        }
        while let rank = ranks.pop() { work(rank, &symbols, tokenizer) }
        var kept = 0
        var place = 0
        while place >= 0 {
            symbols[kept] = symbols[place]
            kept += 1
            place = Int(next[place])
        }
        symbols.removeSubrange(kept...)
    }

    /// Merges all pairs of a rank from left to right, and before each whatever comes up with a lower rank or further left.
    private mutating func work(_ rank: UInt32, _ symbols: inout [UInt32], _ tokenizer: Tokenizer) {
        guard let index = bucketOf.removeValue(forKey: rank) else { return }
        lastBucket = -1
        if !buckets[index].isSorted { buckets[index].places.sort() }
        let places = buckets[index].places
        buckets[index].places = []
        var at = 0
        while true {
            var key = UInt64.max
            if at < places.count { key = UInt64(rank) << 32 | UInt64(places[at]) }
            if let first = urgent.first, first <= key {
                key = first
                _ = urgent.pop()
            } else if at < places.count {
                at += 1
            } else {
                return
            }
            apply(UInt32(key >> 32), Int32(truncatingIfNeeded: key), working: rank, &symbols, tokenizer)
        }
    }

    private mutating func apply(
        _ rank: UInt32, _ place: Int32, working: UInt32, _ symbols: inout [UInt32], _ tokenizer: Tokenizer
    ) {
        let left = Int(place)
        // Symbols that were merged into their left neighbour have no place any more.
        guard next[left] >= 0 else { return }
        let right = Int(next[left])
        guard let merge = tokenizer.merge(symbols[left], symbols[right]), merge.rank == rank else { return }
        symbols[left] = merge.result
        next[left] = next[right]
        next[right] = -2
        if next[left] >= 0 { previous[Int(next[left])] = place }
        for candidate in [previous[left], place] where candidate >= 0 && next[Int(candidate)] >= 0 {
            let pair = (symbols[Int(candidate)], symbols[Int(next[Int(candidate)])])
            guard let found = tokenizer.merge(pair.0, pair.1) else { continue }
            if found.rank <= working {
                urgent.push(UInt64(found.rank) << 32 | UInt64(candidate))
            } else {
                wait(found.rank, candidate)
            }
        }
    }

    private mutating func wait(_ rank: UInt32, _ place: Int32) {
        if lastBucket < 0 || lastRank != rank {
            if let index = bucketOf[rank] {
                lastBucket = index
            } else {
                lastBucket = buckets.count
                buckets.append(Bucket(rank: rank))
                bucketOf[rank] = lastBucket
                ranks.push(rank)
            }
            lastRank = rank
        }
        if let last = buckets[lastBucket].places.last, last > place { buckets[lastBucket].isSorted = false }
        buckets[lastBucket].places.append(place)
    }

    /// For ordinary words a scan beats the lists.
    private func mergeShort(_ symbols: inout [UInt32], with tokenizer: Tokenizer) {
        while symbols.count > 1 {
            var best: Tokenizer.Merge?
            var at = 0
            for index in 0..<symbols.count - 1 {
                guard let found = tokenizer.merge(symbols[index], symbols[index + 1]) else { continue }
                if best.map({ found.rank < $0.rank }) ?? true {
                    best = found
                    at = index
                }
            }
            guard let best else { return }
            symbols[at] = best.result
            symbols.remove(at: at + 1)
        }
    }
}

/// A binary heap, smallest first.
struct MinimumHeap<Value: FixedWidthInteger> {
    private var values: [Value] = []

    var first: Value? { values.first }

    mutating func push(_ value: Value) {
        values.append(value)
        var child = values.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard values[child] < values[parent] else { return }
            values.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Value? {
        guard let top = values.first else { return nil }
        let last = values.removeLast()
        if values.isEmpty { return top }
        values[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < values.count && values[child] < values[smallest] {
                smallest = child
            }
            if smallest == parent { return top }
            values.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
