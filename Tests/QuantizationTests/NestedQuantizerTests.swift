import Kernels
import Quantization
import Storage
import Testing

@Suite struct NestedQuantizerTests {
    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed | 1
        func uniform() -> Double {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Double(state >> 11) * 0x1p-53
        }
        // Sum of uniforms: close to normal.
        return (0..<count).map { _ in Float((0..<6).reduce(0.0) { sum, _ in sum + uniform() } - 3) }
    }

    private func quantize(
        _ weights: [Float], rows: Int, columns: Int, sensitivity: [Float]? = nil, precisions: [Int] = [2, 3, 4, 5, 6],
        seed: Int = 3, threads: Int = 1
    ) throws -> PackedMatrix {
        try quantizeNested(
            name: "w", weights: weights, rows: rows, columns: columns,
            sensitivity: sensitivity ?? [Float](repeating: 1, count: columns),
            settings: NestedSettings(precisions: precisions, seedBits: seed), pool: try ThreadPool(threadCount: threads)
        )
    }

    private func error(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / Double(a.count)
    }

    @Test func errorFallsWithEveryBit() throws {
        let weights = random(24 * 576, seed: 3)
        for seed in 2...4 {
            let packed = try quantize(weights, rows: 24, columns: 576, seed: seed)
            let errors = (2...6).map { error(packed.dequantized(bits: $0), weights) }
            for (low, high) in zip(errors, errors.dropFirst()) { #expect(high < low * 0.6) }
            // A normal row at 4 bits: the optimal quantizer's error is 0.0095 of the variance (Max 1960); nesting and
            // bytes cost a little. The variance here is 6 / 12.
            if seed == 4 { #expect(errors[2] < 0.0095 * 0.5 * 1.25) }
        }
    }

    @Test func lowerCodesArePrefixes() throws {
        let weights = random(9 * 100, seed: 5)
        let packed = try quantize(weights, rows: 9, columns: 100)
        let full = NestedLayout.unpack(planes: packed.planes, rows: 9, columns: 100, bits: 6)
        for bits in 2..<6 {
            #expect(
                NestedLayout.unpack(planes: packed.planes, rows: 9, columns: 100, bits: bits)
                    == full.map { $0 >> UInt8(6 - bits) })
        }
        #expect(packed.tables.map(\.bits) == [2, 3, 4, 5, 6])
    }

    /// From within tiles of 8 rows, of bytes as of nested codes.
    @Test func someRowsAreThoseOfTheWhole() throws {
        let (rows, columns) = (21, 70)
        var random = RandomGenerator(seed: 2)
        let weights = (0..<rows * columns).map { _ in Float(random.uniform()) - 0.5 }
        let nested = try quantize(weights, rows: rows, columns: columns)
        let bytes = try quantizeInt8(
            name: "w", weights: weights, rows: rows, columns: columns, pool: try ThreadPool(threadCount: 1))
        for range in [0..<21, 0..<1, 7..<9, 13..<21, 20..<21, 5..<5] {
            let part = range.lowerBound * columns..<range.upperBound * columns
            for bits in 2...6 {
                #expect(nested.dequantized(bits: bits, rows: range) == Array(nested.dequantized(bits: bits)[part]))
            }
            #expect(bytes.dequantized(rows: range) == Array(bytes.dequantized()[part]))
        }
    }

    /// Parts of 2,000 columns have 8,384 rows; the one after them is in a part of its own.
    @Test func partsMakeTheWhole() throws {
        let (rows, columns) = (8385, 2000)
        let weights = (0..<rows * columns).map { Float(($0 &* 2_654_435_761) >> 7 & 1023) / 1024 }
        let settings = NestedSettings(precisions: [2, 3], seedBits: 2)
        let pool = try ThreadPool(threadCount: 2)
        let sensitivity = [Float](repeating: 1, count: columns)
        let whole = try quantizeNested(
            name: "w", weights: weights, rows: rows, columns: columns, sensitivity: sensitivity, settings: settings,
            pool: pool)
        var ranges: [Range<Int>] = []
        let parts = try PackedMatrix(rows: rows, columns: columns) { range throws(TaperError) in
            ranges.append(range)
            return try quantizeNested(
                name: "w", weights: Array(weights[range.lowerBound * columns..<range.upperBound * columns]),
                firstRow: range.lowerBound, rows: range.count, columns: columns, sensitivity: sensitivity,
                settings: settings, pool: pool)
        }
        #expect(ranges == [0..<8384, 8384..<8385])
        #expect(parts.rows == rows && parts.planes == whole.planes)
        #expect(parts.tables.map(\.entries) == whole.tables.map(\.entries))
        #expect(parts.tables.map(\.scales) == whole.tables.map(\.scales))
        let error = #expect(throws: TaperError.self) {
            try quantizeNested(
                name: "w", weights: [.nan] + weights[1..<columns], firstRow: 8384, rows: 1, columns: columns,
                sensitivity: sensitivity, settings: settings, pool: pool)
        }
        #expect(error?.what == "weight 16768000 is not finite")
        let other = #expect(throws: TaperError.self) {
            try quantizeInt8(name: "w", rows: rows, columns: columns, pool: pool) { range in
                [Float](repeating: range.lowerBound == 0 ? 1 : .infinity, count: range.count * columns)
            }
        }
        #expect(other?.what == "weight 16768000 is not finite")
    }

    @Test func sameBytesForAnyThreadCount() throws {
        let weights = random(33 * 192, seed: 8)
        let one = try quantize(weights, rows: 33, columns: 192, threads: 1)
        for threads in [2, 3, 8] {
            let other = try quantize(weights, rows: 33, columns: 192, threads: threads)
            #expect(other.planes == one.planes)
            #expect(other.tables.map(\.entries) == one.tables.map(\.entries))
            #expect(other.tables.map(\.scales) == one.tables.map(\.scales))
        }
    }

    @Test func rowsOfFewValuesAreExactUpToTheBytes() throws {
        // Four values need two bits; their bytes are within half a step of 1/127 of the largest.
        let weights = (0..<4 * 64).map { Float([-0.5, -0.125, 0.25, 1.0][$0 % 4]) }
        let packed = try quantize(weights, rows: 4, columns: 64, precisions: [2, 4], seed: 2)
        for bits in [2, 4] {
            for (found, expected) in zip(packed.dequantized(bits: bits), weights) {
                #expect(abs(found - expected) <= 0.5 / 127 + 1e-6)
            }
        }
    }

    /// 64 * 2^-149 is half a step of the smallest float in bytes.
    @Test(arguments: [Float(0), 1, -3, 0.4375, 1e-30, 1e30, 3e38, .greatestFiniteMagnitude, 1e-38, 0x1p-140, -0.0])
    func flatRowsOfAnyMagnitudeSurvive(value: Float) throws {
        for columns in [1, 3, 64, 160, 161, 192, 256] {
            for seed in 2...6 {
                let packed = try quantize(
                    [Float](repeating: value, count: 3 * columns), rows: 3, columns: columns, seed: seed)
                for bits in 2...6 {
                    for found in packed.dequantized(bits: bits) {
                        #expect(abs(found - value) <= abs(value) * 1e-6 + 0x1p-143, "\(columns) \(seed) \(bits)")
                    }
                }
            }
            let bytes = try quantizeInt8(
                name: "e", weights: [Float](repeating: value, count: columns), rows: 1, columns: columns,
                pool: try ThreadPool(threadCount: 1))
            for found in bytes.dequantized() { #expect(abs(found - value) <= abs(value) * 1e-6 + 0x1p-143) }
        }
    }

    /// Up to 8 values at 3 bits and more, whatever their number of columns: half a step of the table is lost, nothing else.
    @Test(arguments: [1, 2, 3, 5, 8]) func noMoreValuesThanCentroidsAreKept(count: Int) throws {
        for columns in [17, 192, 256, 300] {
            let weights = (0..<2 * columns).map { Float(($0 * 7 + $0 / columns) % count) - 2.5 }
            let packed = try quantize(weights, rows: 2, columns: columns, seed: 3)
            for bits in 3...6 {
                for (found, expected) in zip(packed.dequantized(bits: bits), weights) {
                    #expect(abs(found - expected) <= 5.5 / 115 / 2 * 1.001, "\(columns) \(bits)")
                }
            }
        }
    }

    @Test(arguments: [Float(0), 1e-40, 3e38]) func sensitivitiesOfAnyMagnitudeServe(value: Float) throws {
        let weights = random(2 * 192, seed: 4)
        let plain = try quantize(weights, rows: 2, columns: 192)
        let other = try quantize(
            weights, rows: 2, columns: 192, sensitivity: [Float](repeating: value, count: 192))
        // Equal ones are equal, but sums are rounded elsewhere, and without any there is one scale to try.
        for bits in 2...6 {
            let (a, b) = (plain.dequantized(bits: bits), other.dequantized(bits: bits))
            #expect(error(b, weights) <= error(a, weights) * 1.01)
        }
    }

    @Test(arguments: [Float.nan, .infinity]) func sensitivitiesThatAreNotFiniteAreRefused(value: Float) throws {
        var sensitivity = [Float](repeating: 1, count: 64)
        sensitivity[9] = value
        #expect(throws: TaperError(.badData, "")) {
            try quantize(random(64, seed: 1), rows: 1, columns: 64, sensitivity: sensitivity)
        }
    }

    @Test func singleColumnsAndRowsWork() throws {
        let packed = try quantize([0.5, -1, 2], rows: 3, columns: 1)
        #expect(zip(packed.dequantized(bits: 4), [0.5, -1, 2]).allSatisfy { abs($0 - Float($1)) < 0.01 })
    }

    @Test func importantColumnsAreKeptMoreExactly() throws {
        let weights = random(16 * 256, seed: 11)
        var sensitivity = [Float](repeating: 0.01, count: 256)
        for column in 0..<32 { sensitivity[column] = 10 }
        let plain = try quantize(weights, rows: 16, columns: 256).dequantized(bits: 3)
        let weighted = try quantize(weights, rows: 16, columns: 256, sensitivity: sensitivity).dequantized(bits: 3)
        func important(_ values: [Float]) -> Double {
            (0..<16).reduce(0.0) { sum, row in
                sum + (0..<32).reduce(0.0) { $0 + Double(values[row * 256 + $1] - weights[row * 256 + $1]).magnitude }
            }
        }
        #expect(important(weighted) < 0.7 * important(plain))
    }

    @Test func nonFiniteWeightsAreNamed() throws {
        var weights = random(2 * 64, seed: 1)
        weights[70] = .nan
        #expect(throws: TaperError(.badData, "")) { try quantize(weights, rows: 2, columns: 64) }
    }

    @Test func impossibleSettingsAreRefused() {
        for (precisions, seed) in [([1, 2], 2), ([2, 9], 2), ([2, 3], 4), ([2], 1)] {
            #expect(throws: TaperError(.usage, "")) {
                try quantize([Float](repeating: 1, count: 64), rows: 1, columns: 64, precisions: precisions, seed: seed)
            }
        }
    }

    @Test func bytesKeepRowsWithinHalfAStep() throws {
        let weights = random(5 * 70, seed: 2)
        let packed = try quantizeInt8(
            name: "e", weights: weights, rows: 5, columns: 70, pool: try ThreadPool(threadCount: 2))
        #expect(packed.values.count == 8 * 128)
        let found = packed.dequantized()
        for row in 0..<5 {
            let largest = weights[row * 70..<(row + 1) * 70].map(abs).max() ?? 0
            for index in row * 70..<(row + 1) * 70 { #expect(abs(found[index] - weights[index]) < largest * 0.08) }
        }
        #expect(error(found, weights) < 1e-4)
    }
}
