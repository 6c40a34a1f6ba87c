import Kernels
import Testing

@Suite struct NestedLayoutTests {
    static let shapes = [(1, 1), (7, 63), (8, 64), (9, 65), (20, 130), (64, 576)]

    @Test(arguments: shapes)
    func packingAndUnpackingIsTheIdentity(rows: Int, columns: Int) {
        var random = TestRandom(rows)
        for bits in 2...8 {
            let codes = (0..<rows * columns).map { _ in random.byte() >> UInt8(8 - bits) }
            let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits)
            #expect(planes.count == bits - 1)
            for (plane, bytes) in planes.enumerated() {
                #expect(bytes.count == NestedLayout.planeByteCount(rows: rows, columns: columns, plane: plane))
            }
            #expect(NestedLayout.unpack(planes: planes, rows: rows, columns: columns, bits: bits) == codes)
            // The leading planes alone hold the leading bits.
            for fewer in 2...bits {
                let leading = Array(planes.prefix(fewer - 1))
                let prefix = codes.map { $0 >> UInt8(bits - fewer) }
                #expect(NestedLayout.unpack(planes: leading, rows: rows, columns: columns, bits: fewer) == prefix)
            }
        }
    }

    /// Every bit stands where `NestedLayout` says, and padding is zero.
    @Test(arguments: shapes)
    func bitsStandWhereTheLayoutSays(rows: Int, columns: Int) {
        var random = TestRandom(columns)
        let codes = (0..<rows * columns).map { _ in random.byte() }
        let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: 8)
        // As `formats/bundle.md` gives them.
        let positions: [[UInt8]] = [
            [2, 4, 0, 6, 3, 5, 1, 7], [3, 5, 1, 7, 2, 4, 0, 6], [4, 0, 2, 6, 5, 1, 3, 7], [5, 1, 3, 7, 4, 0, 2, 6],
            [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7],
        ]
        let tiles = NestedLayout.paddedColumns(columns) / 64
        var expected = (0..<7).map {
            [UInt8](repeating: 0, count: NestedLayout.planeByteCount(rows: rows, columns: columns, plane: $0))
        }
        for row in 0..<rows {
            for column in 0..<columns {
                let code = codes[row * columns + column]
                let tile = row / 8 * tiles + column / 64
                let r = row % 8
                expected[0][tile * 128 + r / 4 * 64 + column % 64] |= (code >> 6) << UInt8(2 * (r % 4))
                for plane in 1...6 {
                    let bit = code >> UInt8(6 - plane) & 1
                    expected[plane][tile * 64 + column % 64] |= bit << positions[plane - 1][r]
                }
            }
        }
        #expect(planes == expected, "planes differ")
    }

    @Test(arguments: shapes)
    func bytesStandTileByTile(rows: Int, columns: Int) {
        var random = TestRandom(rows)
        let bytes = (0..<rows * columns).map { _ in random.byte() }
        let tiled = NestedLayout.tiled(bytes, rows: rows, columns: columns)
        let tiles = NestedLayout.paddedColumns(columns) / 64
        var left = [UInt8](repeating: 128, count: NestedLayout.paddedRows(rows) * tiles * 64)
        for row in 0..<rows {
            for column in 0..<columns {
                left[((row / 8 * tiles + column / 64) * 8 + row % 8) * 64 + column % 64] = bytes[row * columns + column]
            }
        }
        #expect(tiled == left, "bytes differ")
    }

    @Test func tableIndexMergesPlanesInOrder() {
        #expect((0..<4).map { NestedLayout.tableIndex(ofPrefix: $0, bits: 2) } == [0, 1, 2, 3])
        #expect((0..<8).map { NestedLayout.tableIndex(ofPrefix: $0, bits: 3) } == [0, 4, 1, 5, 2, 6, 3, 7])
        // Code b1 b2 b3 b4 stands at b2 + 2 b1 + 4 b3 + 8 b4.
        #expect(NestedLayout.tableIndex(ofPrefix: 0b1001, bits: 4) == 0b1010)
        for bits in 2...8 {
            let indices = (0..<1 << bits).map { NestedLayout.tableIndex(ofPrefix: $0, bits: bits) }
            #expect(indices.sorted() == Array(0..<1 << bits))
        }
    }
}
