import Storage

/// A matrix as a bundle holds it, and what a product moves of it: counted in layout tiles of 8 rows by 64 columns
/// (`formats/bundle.md`), not by the formula that the runner counts with.
struct StoredMatrix: Hashable, Sendable {
    enum Encoding: Hashable, Sendable {
        /// Planes and tables of these precisions, ascending; 16 are halves.
        case nested([Int])
        /// Bytes with a scale per row.
        case bytes
    }
    /// What a product at one precision moves and multiplies.
    struct Reading: Hashable {
        /// Of one weight.
        let bits: Int
        let isCode: Bool
        let tileCount: Int
        /// Planes, bytes or halves.
        let codeBytes: Int
        /// Centroids of this precision, and scales.
        let tableBytes: Int
    }
    let rows: Int
    let columns: Int
    let encoding: Encoding

    private static let (tileRows, tileColumns) = (8, 64)

    /// - Parameter bits: asked for; the largest held that does not exceed them are read, or the smallest.
    func reading(bits: Int) -> Reading {
        let tileRowCount = divided(rows, by: StoredMatrix.tileRows)
        let tiles = tileRowCount * divided(columns, by: StoredMatrix.tileColumns)
        let weights = StoredMatrix.tileRows * StoredMatrix.tileColumns
        let scales = tileRowCount * StoredMatrix.tileRows * 4
        switch encoding {
        case .bytes:
            return Reading(bits: 8, isCode: false, tileCount: tiles, codeBytes: tiles * weights, tableBytes: scales)
        case .nested(let held):
            let found = held[BitWidth.index(of: bits, in: held)]
            if found == BitWidth.half {
                return Reading(
                    bits: found, isCode: false, tileCount: tiles, codeBytes: tiles * weights * 2, tableBytes: 0)
            }
            // A plane has a bit of each weight of a tile, the first one two; a table an entry of a byte for each code.
            let planes = 2 * weights / 8 + (found - 2) * weights / 8
            let entries = tileRowCount * StoredMatrix.tileRows * (1 << found)
            return Reading(
                bits: found, isCode: true, tileCount: tiles, codeBytes: tiles * planes, tableBytes: entries + scales)
        }
    }

    /// One row, looked up: its share of the matrix, which is rows of equal size.
    func rowBytes(bits: Int) -> Int {
        let reading = reading(bits: bits)
        let padded = divided(rows, by: StoredMatrix.tileRows) * StoredMatrix.tileRows
        return (reading.codeBytes + reading.tableBytes) / padded
    }

    /// The same in half precision.
    var half: StoredMatrix {
        StoredMatrix(rows: rows, columns: columns, encoding: .nested([BitWidth.half]))
    }
}
