internal import CKernels
import Storage

/// Activations as bytes for up to `maxTokens` tokens: a scale per token and a whole multiplier per group of 128 columns, so
/// that a product is one exact sum of integers. The first 64 columns may be given in two terms, a coarse and a fine one: the
/// place for channels much larger than the rest, which then keep their precision. For weights of 16 bits, activations as they are.
public final class ActivationBuffer {
    public let maxTokens: Int
    public let maxColumns: Int
    public private(set) var tokens = 0
    public private(set) var columns = 0
    private let values: UnsafeMutablePointer<Int8>
    private let multipliers: UnsafeMutablePointer<Int32>
    private let scales: UnsafeMutablePointer<Float>
    private let corrections: UnsafeMutablePointer<Int32>
    /// Whether what it holds are floats: [tokens][padded columns], zero where padded.
    public private(set) var holdsFloats = false
    private var floats: UnsafeMutablePointer<Float>?
    /// Rows that are multiplied at one precision each; none where all are multiplied at the same. For what is taken next.
    public var groups: [Range<Int>] = []
    private var arrangement: Arrangement?
    /// Counts what was quantized.
    private var version = 0
    private var floatCapacity = 0

    public init(maxTokens: Int, maxColumns: Int) {
        self.maxTokens = maxTokens
        self.maxColumns = NestedLayout.paddedColumns(maxColumns)
        let byteCount = maxTokens * (self.maxColumns + 64) + 64
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        values = bytes.bindMemory(to: Int8.self, capacity: byteCount)
        multipliers = .allocate(capacity: maxTokens * ActivationBuffer.groupCount(tiles: self.maxColumns / 64))
        scales = .allocate(capacity: maxTokens)
        corrections = .allocate(capacity: maxTokens)
    }

    /// Groups of 128 columns, and the second term of the first tile.
    private static func groupCount(tiles: Int) -> Int { (tiles + 1) / 2 + 1 }

    deinit {
        UnsafeMutableRawPointer(values).deallocate()
        multipliers.deallocate()
        scales.deallocate()
        corrections.deallocate()
        floats?.deallocate()
    }

    /// Takes x, [tokens][columns], as the weights at `bits` want it: floats for 16 bits, else bytes.
    public func take(
        _ x: UnsafePointer<Float>, tokens: Int, columns: Int, for matrix: WeightMatrix, bits: Int, pool: ThreadPool
    ) {
        if matrix.effectiveBits(bits) == BitWidth.half {
            hold(x, tokens: tokens, columns: columns)
        } else {
            quantize(x, tokens: tokens, columns: columns, pool: pool)
        }
    }

    /// Copies x, [tokens][columns], unchanged: the input of products at 16 bits.
    public func hold(_ x: UnsafePointer<Float>, tokens: Int, columns: Int) {
        let padded = NestedLayout.paddedColumns(columns)
        precondition(tokens <= maxTokens && padded <= maxColumns, "activation buffer too small")
        self.tokens = tokens
        self.columns = columns
        holdsFloats = true
        // Grows with use: bundles without 16 bits need none of this memory, decoding one token's.
        if floats == nil || floatCapacity < tokens * padded {
            floats?.deallocate()
            floatCapacity = tokens * padded
            floats = .allocate(capacity: floatCapacity)
        }
        guard let floats else { return }
        for token in 0..<tokens {
            let row = floats + token * padded
            row.update(from: x + token * columns, count: columns)
            (row + columns).update(repeating: 0, count: padded - columns)
        }
    }

    /// Takes x, [tokens][columns].
    public func quantize(_ x: UnsafePointer<Float>, tokens: Int, columns: Int, pool: ThreadPool) {
        let tiles = NestedLayout.paddedColumns(columns) / 64
        precondition(tokens <= maxTokens && tiles * 64 <= maxColumns, "activation buffer too small")
        self.tokens = tokens
        self.columns = columns
        holdsFloats = false
        let groups = ActivationBuffer.groupCount(tiles: tiles)
        let quantize = required(pool.kernels.functions.quantize)
        let parts = tokens >= 8 ? min(pool.threadCount * 2, tokens) : 1
        pool.run(parts) { part in
            for token in ThreadPool.slice(tokens, part: part, of: parts) {
                quantize(
                    x + token * columns, Int32(columns), Int32(tiles), values + token * (tiles + 1) * 64,
                    multipliers + token * groups, scales + token, corrections + token)
            }
        }
        version &+= 1
    }

    /// Before a product of several tokens; false where the instruction set takes them as they are.
    func prepareArrangement(_ pool: ThreadPool) -> Bool {
        guard pool.kernels.functions.arrange != nil else { return false }
        if arrangement?.serves(pool) != true { arrangement = Arrangement(threadCount: pool.threadCount) }
        arrangement?.prepare(self, version: version, pool)
        return true
    }

    /// What a part of that product reads, on this thread.
    func arranged(on thread: Int, group: Int = 0, _ pool: ThreadPool) -> UnsafePointer<Int8>? {
        arrangement?.blocks(of: group, on: thread, pool)
    }

    /// Of every group, or of all rows together.
    func views() -> [ck_activations_t] {
        let all = view()
        if groups.isEmpty { return [all] }
        return groups.map { rows in
            var part = all
            part.values += rows.lowerBound * (Int(all.tiles) + 1) * NestedLayout.tileColumns
            part.multipliers += rows.lowerBound * Int(all.groups)
            part.scales += rows.lowerBound
            part.corrections += rows.lowerBound
            part.tokens = Int32(rows.count)
            return part
        }
    }

    /// Of one row.
    func view(row: Int) -> ck_activations_t {
        var one = view()
        one.values += row * (Int(one.tiles) + 1) * NestedLayout.tileColumns
        one.multipliers += row * Int(one.groups)
        one.scales += row
        one.corrections += row
        one.tokens = 1
        return one
    }

    func view() -> ck_activations_t {
        let tiles = NestedLayout.paddedColumns(columns) / 64
        return ck_activations_t(
            values: values, multipliers: multipliers, scales: scales, corrections: corrections, arranged: nil,
            floats: floats,
            tokens: Int32(tokens), tiles: Int32(tiles),
            groups: Int32(ActivationBuffer.groupCount(tiles: tiles)))
    }
}
