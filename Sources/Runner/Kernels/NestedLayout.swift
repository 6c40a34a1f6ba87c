internal import CKernels
import Storage

/// Where codes stand in memory: tiles of 8 rows x 64 columns, one plane per bit.
///
/// - The base plane holds the two leading bits of every code, 128 bytes a tile: byte i of the first 64 has rows 0 to 3 at
///   column i (row r at bit 2r), the second 64 bytes rows 4 to 7.
/// - Every further bit is a plane of its own, 64 bytes a tile: byte i belongs to column i, and each of its bits to one of
///   the 8 rows, at the position that spares the kernels most shifts (`ck_plane_bits`).
/// - Tiles follow one another along a row of tiles, then down. Rows are padded to 8, columns to 64, with zero bits.
///
/// Precision p thus reads p bits a weight, and dropping planes cuts a matrix to fewer bits. One 64-byte vector of
/// activations serves all 8 rows of a tile, and a byte shuffle looks 64 centroids up at once.
public enum NestedLayout {
    public static let tileRows = 8
    public static let tileColumns = 64

    public static func paddedRows(_ rows: Int) -> Int { roundedUp(rows, to: tileRows) }
    public static func paddedColumns(_ columns: Int) -> Int { roundedUp(columns, to: tileColumns) }
    /// Planes of a code of this many bits.
    public static func planeCount(bits: Int) -> Int { bits - 1 }

    /// Plane 0 is the 2-bit base, plane k holds bit k + 2.
    public static func planeByteCount(rows: Int, columns: Int, plane: Int) -> Int {
        paddedRows(rows) / tileRows * (paddedColumns(columns) / tileColumns) * (plane == 0 ? 128 : 64)
    }

    /// Bytes, [rows][columns], tile by tile as the kernels read them: [padded rows / 8][padded columns / 64][8][64], padding
    /// 128.
    public static func tiled(_ bytes: [UInt8], rows: Int, columns: Int) -> [UInt8] {
        precondition(bytes.count == rows * columns, "bytes do not match their shape")
        var out = [UInt8](repeating: 128, count: paddedRows(rows) * paddedColumns(columns))
        bytes.withUnsafeBufferPointer { from in
            out.withUnsafeMutableBufferPointer { to in
                for row in 0..<rows {
                    for start in stride(from: 0, to: columns, by: tileColumns) {
                        let place = byteOffset(row: row, column: start, columns: columns)
                        for column in 0..<min(tileColumns, columns - start) {
                            to[place + column] = from[row * columns + start + column]
                        }
                    }
                }
            }
        }
        return out
    }

    /// Where `tiled` puts a byte of a matrix of this many columns.
    public static func byteOffset(row: Int, column: Int, columns: Int) -> Int {
        let tile = row / tileRows * (paddedColumns(columns) / tileColumns) + column / tileColumns
        return (tile * tileRows + row % tileRows) * tileColumns + column % tileColumns
    }

    /// Packs natural codes, [rows][columns], most significant bit first.
    public static func pack(codes: [UInt8], rows: Int, columns: Int, bits: Int) -> [[UInt8]] {
        precondition(BitWidth.isNested(bits) && codes.count == rows * columns, "codes do not match their shape")
        var planes = (0..<planeCount(bits: bits)).map { plane in
            [UInt8](repeating: 0, count: planeByteCount(rows: rows, columns: columns, plane: plane))
        }
        // All planes live in one block while C writes them.
        let total = planes.reduce(0) { $0 + $1.count }
        withUnsafeTemporaryAllocation(byteCount: max(total, 1), alignment: 64) { block in
            guard let base = block.baseAddress else { return }
            base.initializeMemory(as: UInt8.self, repeating: 0, count: total)
            var pointers: [UnsafeMutablePointer<UInt8>?] = []
            var offset = 0
            for plane in planes {
                pointers.append((base + offset).assumingMemoryBound(to: UInt8.self))
                offset += plane.count
            }
            codes.withUnsafeBufferPointer { source in
                ck_pack(source.baseAddress, Int32(rows), Int32(columns), Int32(bits), pointers)
            }
            offset = 0
            for index in planes.indices {
                let count = planes[index].count
                planes[index].withUnsafeMutableBytes {
                    $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[offset..<offset + count]))
                }
                offset += count
            }
        }
        return planes
    }

    /// The natural codes back, [rows][columns], at `bits` of the planes given.
    public static func unpack(planes: [[UInt8]], rows: Int, columns: Int, bits: Int) -> [UInt8] {
        precondition(BitWidth.isNested(bits) && planes.count >= planeCount(bits: bits), "too few planes")
        return [UInt8](unsafeUninitializedCapacity: rows * columns) { buffer, count in
            withPointers(to: planes[...], []) { pointers in
                ck_unpack(pointers, Int32(rows), Int32(columns), Int32(bits), buffer.baseAddress)
            }
            count = rows * columns
        }
    }

    /// Recursion keeps every array's pointer alive at once.
    private static func withPointers(
        to planes: ArraySlice<[UInt8]>, _ pointers: [UnsafePointer<UInt8>?], _ body: ([UnsafePointer<UInt8>?]) -> Void
    ) {
        guard let first = planes.first else { return body(pointers) }
        first.withUnsafeBufferPointer { withPointers(to: planes.dropFirst(), pointers + [$0.baseAddress], body) }
    }

    /// Position in a centroid table of the `bits`-bit code `code`: its two leading bits, then bit 3 at bit 2, bit 4 at
    /// bit 3 and so on, which is the order in which the kernels merge planes.
    public static func tableIndex(ofPrefix code: Int, bits: Int) -> Int {
        var index = code >> (bits - 2) & 3
        if bits > 2 { for bit in 3...bits { index |= (code >> (bits - bit) & 1) << (bit - 1) } }
        return index
    }
}
