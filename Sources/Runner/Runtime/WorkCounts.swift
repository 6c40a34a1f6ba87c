import Kernels

/// What an engine has read and multiplied since it was made, counted where it does so.
public struct WorkCounts: Equatable, Sendable {
    /// Bytes of planes, tables and scales, or of halves, once for every product; and of embedding rows.
    public internal(set) var weightBytes = 0
    /// Bytes of keys and values that attention sees, once for every block of rows, layer and sequence.
    public internal(set) var cacheBytes = 0
    /// Multiplications of weights with activations; padding does not count.
    public internal(set) var weightMultiplications = 0
    /// Multiplications of queries with keys, and of what the softmax gives with values.
    public internal(set) var cacheMultiplications = 0

    /// Logit rows of which only the largest were wanted of a head with screens, and rows of it that were read in full for them: all
    /// of them where screening was in vain.
    public internal(set) var screenedRows = 0
    public internal(set) var exactHeadRows = 0

    public init() {}

    mutating func add(_ product: Product, rows: Int) {
        weightBytes += product.matrix.bytesRead(bits: product.bits)
        weightMultiplications += product.matrix.rows * product.matrix.columns * rows
    }

    /// Attention of `rows` rows, the first at this position; each sees the latest `window` positions, its own included.
    /// - Parameters:
    ///   - querySize: elements of a query of all heads.
    ///   - layerBytes: of one position's key and value, all heads.
    mutating func addAttention(rows: Int, firstPosition: Int, window: Int?, querySize: Int, layerBytes: Int) {
        let window = window ?? Int.max
        let seen = firstPosition + rows - max(0, firstPosition + 1 - window)
        cacheBytes += seen * layerBytes
        for row in 0..<rows { cacheMultiplications += 2 * querySize * min(firstPosition + row + 1, window) }
    }

    /// What came since `earlier`.
    public func since(_ earlier: WorkCounts) -> WorkCounts {
        var counts = self
        counts.weightBytes -= earlier.weightBytes
        counts.cacheBytes -= earlier.cacheBytes
        counts.weightMultiplications -= earlier.weightMultiplications
        counts.cacheMultiplications -= earlier.cacheMultiplications
        counts.screenedRows -= earlier.screenedRows
        counts.exactHeadRows -= earlier.exactHeadRows
        return counts
    }
}
