import Storage

/// A canonical tensor as rows of a stored one.
struct TensorView {
    let stored: StoredTensor
    /// Canonical shape: [rows, columns] or [elements].
    let shape: [Int]
    /// First row (or element) taken from the stored tensor.
    var firstRow = 0
    /// Rows per head when the file keeps RoPE's pairs side by side (2 j, 2 j + 1) instead of half a head apart
    /// (j, j + size / 2); nil when the rows lie as the model wants them.
    var interleavedHeadSize: Int?
    /// Of a vector that is stored in pieces of one size and encoding, those after the first.
    var further: [StoredTensor] = []

    /// Rows of a matrix; a vector is one row.
    var rows: Int { shape.count == 1 ? 1 : shape[0] }
    var columns: Int { shape.count == 1 ? shape[0] : shape.dropFirst().reduce(1, *) }

    /// The stored row that is row `row` of the view.
    func storedRow(_ row: Int) -> Int {
        guard let size = interleavedHeadSize else { return firstRow + row }
        let head = row / size * size
        let (half, pair) = (row % size / (size / 2), row % (size / 2))
        return firstRow + head + 2 * pair + half
    }

    /// Where the rows given lie in the file; of an interleaved tensor, their whole heads.
    func storedBytes(rows range: Range<Int>) -> Range<Int> {
        guard shape.count > 1, !range.isEmpty else { return stored.bytes }
        let rowByteCount = columns / stored.encoding.blockElements * stored.encoding.blockByteCount
        var (first, last) = (range.lowerBound, range.upperBound)
        if let size = interleavedHeadSize { (first, last) = (first / size * size, roundedUp(last, to: size)) }
        let start = stored.bytes.lowerBound + firstRow * rowByteCount
        return start + first * rowByteCount..<start + last * rowByteCount
    }

    /// Row-major float32 of the rows given: [range.count, columns].
    func decode(rows range: Range<Int>, with decoder: TensorEncoding.Decoder) -> [Float] {
        let columns = columns
        guard let base = stored.file.bytes.baseAddress, !range.isEmpty, columns > 0 else { return [] }
        let data = base + stored.bytes.lowerBound
        if !further.isEmpty {
            let size = stored.shape.reduce(1, *)
            return ([stored] + further).flatMap { piece in
                TensorView(stored: piece, shape: [size]).decode(rows: 0..<1, with: decoder)
            }
        }
        if shape.count == 1 {
            // Blocks may straddle the ends of a vector's part: decode all of it and choose.
            let size = stored.shape.reduce(1, *)
            let all = [Float](unsafeUninitializedCapacity: size) { buffer, count in
                if let out = buffer.baseAddress { decoder.decode(data, elementCount: size, into: out) }
                count = size
            }
            if firstRow == 0 && interleavedHeadSize == nil && all.count == columns { return all }
            return (0..<columns).map { all[storedRow($0)] }
        }
        let encoding = stored.encoding
        let rowByteCount = columns / encoding.blockElements * encoding.blockByteCount
        return [Float](unsafeUninitializedCapacity: range.count * columns) { buffer, count in
            count = range.count * columns
            guard let out = buffer.baseAddress else { return }
            if interleavedHeadSize == nil {
                decoder.decode(data + (firstRow + range.lowerBound) * rowByteCount, elementCount: count, into: out)
                return
            }
            for (index, row) in range.enumerated() {
                decoder.decode(
                    data + storedRow(row) * rowByteCount, elementCount: columns, into: out + index * columns)
            }
        }
    }
}
