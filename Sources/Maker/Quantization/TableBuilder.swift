internal import CQuantization
import Kernels
import Storage

/// Rounds centroids to bytes and collects them as tables; rows may be set from any thread, each once.
final class TableBuilder: @unchecked Sendable {
    private let precisions: [Int]
    private let rows: Int
    private let entries: [UnsafeMutablePointer<UInt8>]
    private let scales: [UnsafeMutablePointer<Float>]
    /// Natural code order to the order in which the kernels look centroids up.
    private let order: [[Int]]

    init(precisions: [Int], rows: Int) {
        self.precisions = precisions
        self.rows = NestedLayout.paddedRows(rows)
        let padded = self.rows
        entries = precisions.map { precision in
            let pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: padded << precision)
            pointer.initialize(repeating: 128, count: padded << precision)
            return pointer
        }
        scales = precisions.map { _ in
            let pointer = UnsafeMutablePointer<Float>.allocate(capacity: padded)
            pointer.initialize(repeating: 0, count: padded)
            return pointer
        }
        order = precisions.map { precision in
            (0..<1 << precision).map { NestedLayout.tableIndex(ofPrefix: $0, bits: precision) }
        }
    }

    deinit {
        for pointer in entries { pointer.deallocate() }
        for pointer in scales { pointer.deallocate() }
    }

    /// Centroids of precision p at (1 << p) - 4, natural order; `importance` weighs the columns' errors.
    func set(
        row: Int, centroids: UnsafePointer<Float>, codes: UnsafePointer<UInt8>, importance: UnsafePointer<Float>,
        columns: Int
    ) {
        guard let bits = precisions.last else { return }
        var mass = [Double](repeating: 0, count: 1 << bits)
        var rounded = [UInt8](repeating: 0, count: 1 << bits)
        cq_cluster_mass(codes, importance, Int32(columns), Int32(bits), Int32(bits), &mass)
        var known = bits
        for (index, precision) in precisions.enumerated().reversed() {
            let count = 1 << precision
            // A cluster weighs what the two weigh that it is cut into.
            while known > precision {
                known -= 1
                for cluster in 0..<1 << known { mass[cluster] = mass[2 * cluster] + mass[2 * cluster + 1] }
            }
            scales[index][row] = cq_round_table(centroids + count - 4, mass, Int32(count), &rounded)
            let table = entries[index] + row * count
            for code in 0..<count { table[order[index][code]] = rounded[code] }
        }
    }

    func finish() -> [PackedTable] {
        precisions.indices.map { index in
            PackedTable(
                bits: precisions[index],
                entries: Array(UnsafeBufferPointer(start: entries[index], count: rows << precisions[index])),
                scales: Array(UnsafeBufferPointer(start: scales[index], count: rows)))
        }
    }
}
