internal import CQuantization
import Kernels
import Storage

/// A linear layer while its centroids are tuned: fixed codes, float tables of every precision, Adam's averages of one.
final class TunedLayer {
    let name: String
    let rows: Int
    let columns: Int
    /// Bits of a code.
    let bits: Int
    let precisions: [Int]
    /// [rows * columns], natural order.
    let codes: [UInt8]
    /// [rows][2^(bits + 1) - 4]: the table of p bits, natural code order, at 2^p - 4.
    private(set) var tables: [Float]
    /// [rows][2^p] of the precision being tuned.
    private var mean: [Float] = []
    private var square: [Float] = []
    /// Root mean square of the weights: the unit of the learning rate.
    let scale: Float

    var stride: Int { (2 << bits) - 4 }

    init(_ matrix: PackedMatrix) {
        name = matrix.name
        rows = matrix.rows
        columns = matrix.columns
        bits = matrix.bits
        precisions = matrix.tables.map(\.bits)
        codes = NestedLayout.unpack(
            planes: matrix.planes, rows: matrix.rows, columns: matrix.columns, bits: matrix.bits)
        let stride = (2 << matrix.bits) - 4
        tables = [Float](repeating: 0, count: matrix.rows * stride)
        for table in matrix.tables {
            let count = 1 << table.bits
            for code in 0..<count {
                let index = NestedLayout.tableIndex(ofPrefix: code, bits: table.bits)
                for row in 0..<matrix.rows {
                    tables[row * stride + count - 4 + code] =
                        Float(Int(table.entries[row * count + index]) - 128) * table.scales[row]
                }
            }
        }
        var sum = 0.0
        let highest = (1 << matrix.bits) - 4
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                let value = tables[row * stride + highest + Int(codes[row * matrix.columns + column])]
                sum += Double(value) * Double(value)
            }
        }
        scale = Float((sum / Double(max(1, matrix.rows * matrix.columns))).squareRoot())
    }

    /// Forgets Adam's averages.
    func begin(bits p: Int) {
        mean = [Float](repeating: 0, count: rows << p)
        square = mean
    }

    /// Weights at p bits, [rows * columns].
    func expand(bits p: Int, into out: UnsafeMutableBufferPointer<Float>, pool: ThreadPool) {
        codes.withUnsafeBufferPointer { codes in
            tables.withUnsafeBufferPointer { tables in
                guard let codes = codes.baseAddress, let tables = tables.baseAddress, let out = out.baseAddress else {
                    return
                }
                nonisolated(unsafe) let (from, table, to) = (codes, tables, out)
                forRows(pool) { row in
                    cq_expand_row(
                        from + row * columns, Int32(bits - p), table + row * stride + (1 << p) - 4, Int32(columns),
                        to + row * columns)
                }
            }
        }
    }

    /// One step of Adam on the centroids of p bits, from the gradient of the weights, [rows * columns].
    func update(
        bits p: Int, gradient: UnsafeMutableBufferPointer<Float>, settings: cq_adam_t, pool: ThreadPool
    ) {
        let count = 1 << p
        codes.withUnsafeBufferPointer { codes in
            tables.withUnsafeMutableBufferPointer { tables in
                mean.withUnsafeMutableBufferPointer { mean in
                    square.withUnsafeMutableBufferPointer { square in
                        guard let codes = codes.baseAddress, let tables = tables.baseAddress,
                            let mean = mean.baseAddress, let square = square.baseAddress,
                            let gradient = gradient.baseAddress
                        else { return }
                        nonisolated(unsafe) let (from, table, m, v, g) = (codes, tables, mean, square, gradient)
                        var adam = settings
                        adam.rate *= scale
                        let final = adam
                        forRows(pool) { row in
                            withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { sums in
                                guard let sums = sums.baseAddress else { return }
                                var adam = final
                                cq_collect_row(
                                    g + row * columns, from + row * columns, Int32(bits - p), Int32(count),
                                    Int32(columns), sums)
                                cq_adam(
                                    table + row * stride + count - 4, m + row * count, v + row * count, sums,
                                    Int32(count), &adam)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The same codes with the tuned tables, rounded to bytes.
    /// - Throws: `badData` when tuning has left a centroid that is no number.
    func packed() throws(TaperError) -> PackedMatrix {
        guard tables.allSatisfy(\.isFinite) else {
            throw TaperError(
                .badData, "tuning diverged", at: "tensor " + name, remedy: "Choose fewer steps or the effort fast")
        }
        let builder = TableBuilder(precisions: precisions, rows: rows)
        let equal = [Float](repeating: 1, count: columns)
        codes.withUnsafeBufferPointer { codes in
            tables.withUnsafeBufferPointer { tables in
                guard let codes = codes.baseAddress, let tables = tables.baseAddress else { return }
                for row in 0..<rows {
                    builder.set(
                        row: row, centroids: tables + row * stride, codes: codes + row * columns, importance: equal,
                        columns: columns)
                }
            }
        }
        return PackedMatrix(
            name: name, rows: rows, columns: columns, bits: bits,
            planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits),
            tables: builder.finish())
    }

    /// What an interrupted run needs to go on: tables and averages.
    var state: [[Float]] {
        get { [tables, mean, square] }
        set {
            guard newValue.count == 3, newValue[0].count == tables.count else { return }
            (tables, mean, square) = (newValue[0], newValue[1], newValue[2])
        }
    }

    func forRows(_ pool: ThreadPool, _ body: (Int) -> Void) {
        let piece = 16
        pool.run((rows + piece - 1) / piece) { part in
            for row in part * piece..<min(rows, (part + 1) * piece) { body(row) }
        }
    }
}
