import Decoding
import Kernels
import Model
import Storage

/// Rows that go through the model together: as many of a call's as the scratch buffers hold. What it has allocated it keeps.
struct RowBlock {
    /// Rows of one sequence, at positions that follow one another.
    struct Segment {
        let sequence: TokenSequence
        let chunk: Int
        /// Place of its first token among the call's.
        let firstToken: Int
        /// Its first row in the block, and the position of that row in its sequence.
        let firstRow: Int
        let firstPosition: Int
        let count: Int
        let bits: Precision
    }
    /// Rows of one precision.
    struct Group {
        let bits: Precision
        var rows: Range<Int>
    }
    /// A row whose logits are wanted.
    struct WantedRow {
        let row: Int
        let chunk: Int
        /// Of the row's token in its chunk, and in its sequence.
        let token: Int
        let position: Int
        let bits: Precision
        /// How many of the largest logits, and of which tokens besides.
        let leading: Int
        let tokens: [Int]
    }
    private(set) var segments: [Segment] = []
    private(set) var wanted: [WantedRow] = []
    /// In the order of the rows.
    private(set) var groups: [Group] = []
    private(set) var rowCount = 0
    /// Leading segments that are one token each and go through attention together: none, or several.
    private(set) var togetherCount = 0
    /// Of those, the position of every token, and by layer the cache that it goes to.
    private(set) var positions: [Int] = []
    private(set) var caches: [[KVLayer]] = []
    /// How many blocks of the call there have been, this one included.
    private(set) var number = 0

    /// Where the next block begins: a chunk, and tokens of it that have been taken.
    private var chunk = 0
    private var taken = 0

    mutating func begin() { (chunk, taken, number) = (0, 0, 0) }

    /// Takes the call's next rows, and moves their sequences on; false when there are none left. Of chunks that have failed
    /// nothing more is taken. Rows of more than 8 bits, whose activations are other numbers, are not mixed with others.
    mutating func fill(
        from rows: Rows<TokenSequence>, bits: Precision, rowLimit: Int, failures: [ChunkFailure]
    ) -> Bool {
        segments.empty()
        wanted.empty()
        groups.empty()
        rowCount = 0
        while chunk < rows.chunks.count && rowCount < rowLimit {
            let whole = rows.chunks[chunk]
            let own = whole.bits ?? bits
            if let first = groups.first, first.bits != own, isWide(first.bits) || isWide(own) { break }
            let hasFailed = failures.contains { $0.chunk == chunk }
            let count = hasFailed ? 0 : min(rowLimit - rowCount, whole.range.count - taken)
            if count > 0 { add(whole, count, own) }
            taken += count
            if count == 0 || taken == whole.range.count { (chunk, taken) = (chunk + 1, 0) }
        }
        number += 1
        collectTogether()
        return rowCount > 0
    }

    private mutating func collectTogether() {
        positions.empty()
        for layer in caches.indices { caches[layer].empty() }
        togetherCount = segments.firstIndex { $0.count > 1 } ?? segments.count
        if togetherCount < 2 { togetherCount = 0 }
        for index in 0..<togetherCount {
            positions.append(segments[index].firstPosition)
            let layers = segments[index].sequence.cache.layers
            while caches.count < layers.count { caches.append([]) }
            for (layer, cache) in layers.enumerated() { caches[layer].append(cache) }
        }
    }

    /// Moves the sequences back to where they were: the rows are not run.
    func putBack() {
        for segment in segments.reversed() { segment.sequence.position = segment.firstPosition }
    }

    private func isWide(_ bits: Precision) -> Bool { bits > Precision(bits: BitWidth.nested.upperBound) }

    private mutating func add(_ whole: Rows<TokenSequence>.Chunk, _ count: Int, _ bits: Precision) {
        if let last = groups.last, last.bits == bits {
            groups[groups.count - 1].rows = last.rows.lowerBound..<rowCount + count
        } else {
            groups.append(Group(bits: bits, rows: rowCount..<rowCount + count))
        }
        let position = whole.sequence.position
        // Two chunks of one sequence are checked apart; together they may be more than it has room for.
        precondition(count <= whole.sequence.capacity - position, "the chunks of a sequence outgrow its cache")
        segments.append(
            Segment(
                sequence: whole.sequence, chunk: chunk, firstToken: whole.range.lowerBound + taken, firstRow: rowCount,
                firstPosition: position, count: count, bits: bits))
        let first: Int
        switch whole.wanted {
        case .none: first = count
        case .last: first = taken + count == whole.range.count ? count - 1 : count
        case .all: first = 0
        }
        for index in first..<count {
            wanted.append(
                WantedRow(
                    row: rowCount + index, chunk: chunk, token: taken + index, position: position + index, bits: bits,
                    leading: whole.leading, tokens: whole.tokens))
        }
        whole.sequence.position += count
        rowCount += count
    }
}
