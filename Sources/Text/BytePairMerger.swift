import Storage

/// Merges neighbours by rank, lowest first, leftmost of equals: a linked list with a heap of candidates, so that a word
/// of n symbols takes n log n steps.
struct BytePairMerger {
    private struct Candidate {
        var rank: UInt32
        var left: Int32
        var right: Int32
        /// Symbols the candidate was made for; it is stale when they have changed.
        var leftToken: UInt32
        var rightToken: UInt32
        var result: UInt32

        func precedes(_ other: Candidate) -> Bool { rank != other.rank ? rank < other.rank : left < other.left }
    }

    private var heap: [Candidate] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []

    /// Replaces `symbols` by what remains after all merges.
    mutating func merge(_ symbols: inout [UInt32], with tokenizer: Tokenizer) {
        if symbols.count < 2 { return }
        if symbols.count <= 16 { return mergeShort(&symbols, with: tokenizer) }
        let count = symbols.count
        heap.removeAll(keepingCapacity: true)
        next = (0..<count).map { $0 + 1 < count ? Int32($0 + 1) : -1 }
        previous = (0..<count).map { Int32($0 - 1) }
        var dead = [Bool](repeating: false, count: count)
        for index in 0..<count - 1 { push(symbols, Int32(index), Int32(index + 1), tokenizer) }
        while let top = pop() {
            let left = Int(top.left)
            let right = Int(top.right)
            if dead[left] || dead[right] || symbols[left] != top.leftToken || symbols[right] != top.rightToken
                || next[left] != top.right
            {
                continue
            }
            symbols[left] = top.result
            dead[right] = true
            next[left] = next[right]
            if next[right] >= 0 { previous[Int(next[right])] = top.left }
            if previous[left] >= 0 { push(symbols, previous[left], top.left, tokenizer) }
            if next[left] >= 0 { push(symbols, top.left, next[left], tokenizer) }
        }
        var kept = 0
        for index in 0..<count where !dead[index] {
            symbols[kept] = symbols[index]
            kept += 1
        }
        symbols.removeSubrange(kept...)
    }

    /// For ordinary words a scan beats the heap.
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

    private mutating func push(_ symbols: [UInt32], _ left: Int32, _ right: Int32, _ tokenizer: Tokenizer) {
        let (a, b) = (symbols[Int(left)], symbols[Int(right)])
        guard let merge = tokenizer.merge(a, b) else { return }
        heap.append(
            Candidate(rank: merge.rank, left: left, right: right, leftToken: a, rightToken: b, result: merge.result))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func pop() -> Candidate? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].precedes(heap[smallest]) {
                smallest = child
            }
            if smallest == parent { return top }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
