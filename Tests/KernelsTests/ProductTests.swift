import Kernels
import Testing

import func Foundation.pow

/// Matrix products: every instruction set, shape, precision and token count gives the bits that the definition gives.
@Suite struct ProductTests {
    static let shapes = [(1, 64), (7, 65), (8, 128), (9, 1), (16, 576), (24, 640), (35, 200), (130, 192), (9, 1088)]

    /// One token's activations as whole numbers of `unit`: bytes times a multiplier per group of 128 columns; the first 64
    /// columns in two terms where they hold numbers more than twice as large as the rest of their group.
    static func whole(_ x: [Float]) -> (values: [Int], unit: Float) {
        let most = min(255, Int(Int32.max) / ((NestedLayout.paddedColumns(x.count) + 64) * 128 * 127))
        let limit = x.map(abs).max() ?? 0
        let share = Float(most) / limit
        func multiplier(_ part: ArraySlice<Float>) -> Int { min(most, Int((part.map(abs).max() ?? 0) * share + 0.99)) }
        func rounded(_ value: Float, _ m: Int) -> Int {
            Int(max(-127, min(127, value * (1 / Float(m)))).rounded(.toNearestOrEven))
        }
        var values = x.map { _ in 0 }
        for start in stride(from: 0, to: x.count, by: 128) {
            let end = min(start + 128, x.count)
            guard start == 0 else {
                let m = max(1, multiplier(x[start..<end]))
                for index in start..<end { values[index] = rounded(x[index] * (127 * share), m) * m }
                continue
            }
            let head = min(64, end)
            let first = max(1, multiplier(x[0..<head]))
            let rest = multiplier(x[head..<end])
            if first > 2 * rest {
                let m = max(1, rest, (first + 253) / 254)
                for index in 0..<head {
                    let scaled = x[index] * (127 * share)
                    let coarse = rounded(scaled, first) * first
                    values[index] = coarse + rounded(scaled - Float(coarse), m) * m
                }
                for index in head..<end { values[index] = rounded(x[index] * (127 * share), m) * m }
            } else {
                let m = max(rest, first)
                for index in 0..<end { values[index] = rounded(x[index] * (127 * share), m) * m }
            }
        }
        return (values, limit / (127 * Float(most)))
    }

    /// The definition, one weight at a time, with exact integer sums.
    static func expected(_ weights: TestWeights, bits: Int, _ x: [Float], tokens: Int) -> [Float] {
        let columns = weights.columns
        var out: [Float] = []
        for token in 0..<tokens {
            let (values, unit) = whole(Array(x[token * columns..<(token + 1) * columns]))
            for output in 0..<weights.rows {
                var total = 0
                for column in 0..<columns {
                    total += (Int(weights.entry(output, column, bits: bits).byte) - 128) * values[column]
                }
                out.append(Float(total) * unit * weights.entry(output, 0, bits: bits).scale)
            }
        }
        return out
    }

    static func product(_ weights: TestWeights, bits: Int, _ x: [Float], tokens: Int, _ pool: ThreadPool) -> [Float] {
        let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: weights.columns)
        buffer.quantize(x, tokens: tokens, columns: weights.columns, pool: pool)
        return filled(tokens * weights.rows) {
            multiply(Product(weights.matrix, bits: bits, output: $0), nil, nil, buffer, pool: pool)
        }
    }

    @Test(arguments: shapes)
    func everyPrecisionEqualsTheDefinition(rows: Int, columns: Int) {
        var random = TestRandom(rows * 1000 + columns)
        let weights = TestWeights(nestedRows: rows, columns: columns, seed: rows + columns)
        let bytes = TestWeights(bytesRows: rows, columns: columns, seed: rows + columns)
        let x = random.floats(33 * columns)
        let pools = InstructionSet.available.map { ThreadPool(threadCount: 1, instructionSet: $0) }
        // One, several until they are many, and every size that they are taken in.
        for tokens in [1, 2, 3, 4, 5, 6, 8, 11, 16, 17, 33] {
            let cases = (2...8).map { (weights, $0) } + [(bytes, 8)]
            for (weights, precision) in cases {
                let wanted = Self.expected(weights, bits: precision, x, tokens: tokens)
                for pool in pools {
                    let got = Self.product(weights, bits: precision, x, tokens: tokens, pool)
                    #expect(
                        bits(got) == bits(wanted),
                        "\(pool.instructionSet.name), \(precision) bits, \(tokens) tokens, \(rows) x \(columns)")
                }
            }
        }
    }

    /// Four channels of the first 64 are fifty times as large as the rest.
    @Test func outliersInFrontKeepTheRestPrecise() {
        var random = TestRandom(77)
        let columns = 576
        var x = random.floats(columns)
        for channel in [3, 17, 40, 63] { x[channel] = (channel % 2 == 0 ? -50 : 50) * (1 + abs(x[channel])) }
        var moved = x
        for channel in [3, 17, 40, 63] { moved.swapAt(channel, channel + 200) }
        func error(_ x: [Float]) -> Double {
            let (values, unit) = Self.whole(x)
            var sum = 0.0
            for index in x.indices { sum += pow(Double(Float(values[index]) * unit - x[index]), 2) }
            return sum
        }
        #expect(error(x) * 20 < error(moved))
        let weights = TestWeights(nestedRows: 24, columns: columns, bits: 4, seed: 3)
        let wanted = Self.expected(weights, bits: 4, x + moved, tokens: 2)
        for pool in InstructionSet.available.map({ ThreadPool(threadCount: 1, instructionSet: $0) }) {
            #expect(bits(Self.product(weights, bits: 4, x + moved, tokens: 2, pool)) == bits(wanted))
        }
    }

    @Test(arguments: [64, 256, 11008, 1 << 17])
    func extremeValuesDoNotOverflow(columns: Int) {
        // All centroids 255 or 0, all activations +-127: the worst case of every intermediate sum.
        for pool in InstructionSet.available.map({ ThreadPool(threadCount: 1, instructionSet: $0) }) {
            for byte in [UInt8(0), 255] {
                for sign in [Float(1), -1] {
                    let values = [UInt8](repeating: byte, count: 8 * columns)
                    let scales = [Float](repeating: 1, count: 8)
                    let x = [Float](repeating: sign * 127, count: columns)
                    let buffer = ActivationBuffer(maxTokens: 1, maxColumns: columns)
                    buffer.quantize(x, tokens: 1, columns: columns, pool: pool)
                    let y = values.withUnsafeBufferPointer { values in
                        scales.withUnsafeBufferPointer { scales in
                            filled(8) { out in
                                guard let v = values.baseAddress, let s = scales.baseAddress else { return }
                                let matrix = WeightMatrix(
                                    .int8(Int8Matrix(rows: 8, columns: columns, values: v, scales: s)))
                                multiply(Product(matrix, bits: 8, output: out), nil, nil, buffer, pool: pool)
                            }
                        }
                    }
                    let exact = sign * 127 * Float(columns) * (Float(byte) - 128)
                    #expect(y.allSatisfy { abs($0 / exact - 1) < 1e-6 }, "\(pool.instructionSet.name)")
                }
            }
        }
    }

    @Test func threeProductsUnderOneBarrierEqualThreeProducts() {
        var random = TestRandom(5)
        let weights = [(70, 1), (9, 2), (200, 3)].map { TestWeights(nestedRows: $0, columns: 576, bits: 4, seed: $1) }
        for tokens in [1, 5, 40] {
            let x = random.floats(tokens * 576)
            for set in InstructionSet.available {
                for threads in 1...4 {
                    let pool = ThreadPool(threadCount: threads, instructionSet: set)
                    let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: 576)
                    buffer.quantize(x, tokens: tokens, columns: 576, pool: pool)
                    var (a, b): ([Float], [Float]) = ([], [])
                    let c = filled(tokens * 200) { c in
                        b = filled(tokens * 9) { b in
                            a = filled(tokens * 70) { a in
                                multiply(
                                    Product(weights[0].matrix, bits: 4, output: a),
                                    Product(weights[1].matrix, bits: 3, output: b),
                                    Product(weights[2].matrix, bits: 2, output: c), buffer, pool: pool)
                            }
                        }
                    }
                    let alone = ThreadPool(threadCount: 1, instructionSet: .scalar)
                    for (index, got) in [a, b, c].enumerated() {
                        let wanted = Self.product(weights[index], bits: 4 - index, x, tokens: tokens, alone)
                        #expect(bits(got) == bits(wanted), "\(set.name), \(threads) threads, \(tokens) tokens")
                    }
                }
            }
        }
    }

    @Test func largeProductsDoNotDependOnThreads() {
        var random = TestRandom(6)
        let weights = TestWeights(nestedRows: 1003, columns: 640, bits: 3, seed: 6)
        for tokens in [1, 29] {
            let x = random.floats(tokens * 640)
            for set in InstructionSet.available where set != .scalar {
                let one = Self.product(
                    weights, bits: 3, x, tokens: tokens, ThreadPool(threadCount: 1, instructionSet: set))
                for threads in 2...4 {
                    let pool = ThreadPool(threadCount: threads, instructionSet: set)
                    #expect(bits(Self.product(weights, bits: 3, x, tokens: tokens, pool)) == bits(one))
                }
            }
        }
    }

    @Test func zeroAndTinyActivationsGiveZero() {
        let weights = TestWeights(nestedRows: 8, columns: 130, bits: 4, seed: 7)
        for pool in InstructionSet.available.map({ ThreadPool(threadCount: 1, instructionSet: $0) }) {
            let zeros = Self.product(weights, bits: 4, [Float](repeating: 0, count: 130), tokens: 1, pool)
            #expect(zeros.allSatisfy { $0 == 0 })
            let tiny = [Float](repeating: .leastNonzeroMagnitude, count: 130)
            #expect(Self.product(weights, bits: 4, tiny, tokens: 1, pool).allSatisfy { abs($0) < 1e-30 })
        }
    }

    @Test func aBrokenActivationShowsInEveryOutput() {
        let weights = TestWeights(nestedRows: 8, columns: 576, bits: 4, seed: 8)
        for pool in InstructionSet.available.map({ ThreadPool(threadCount: 1, instructionSet: $0) }) {
            for at in [0, 16, 127, 128, 300, 575] {
                for bad in [Float.nan, .infinity] {
                    var x = [Float](repeating: 1, count: 576)
                    x[at] = bad
                    let y = Self.product(weights, bits: 4, x, tokens: 1, pool)
                    #expect(y.allSatisfy { !$0.isFinite }, "\(pool.instructionSet.name), \(bad) at \(at)")
                }
            }
        }
    }

    @Test func dequantizedRowsEqualTheTables() {
        let pools = InstructionSet.available.map { ThreadPool(threadCount: 1, instructionSet: $0) }
        for (rows, columns) in [(1, 1), (9, 65), (17, 640)] {
            let nested = TestWeights(nestedRows: rows, columns: columns, seed: rows)
            let bytes = TestWeights(bytesRows: rows, columns: columns, seed: rows)
            for (weights, precision) in (2...8).map({ (nested, $0) }) + [(bytes, 8)] {
                for row in 0..<rows {
                    let wanted = (0..<columns).map { column in
                        let entry = weights.entry(row, column, bits: precision)
                        return Float(Int(entry.byte) - 128) * entry.scale
                    }
                    for pool in pools {
                        let got = filled(columns) {
                            weights.matrix.dequantizeRow(row, bits: precision, into: $0, pool: pool)
                        }
                        #expect(bits(got) == bits(wanted))
                    }
                }
            }
        }
    }

    @Test func onlyHeldPrecisionsAreServed() {
        let weights = TestWeights(nestedRows: 9, columns: 65, bits: 4, seed: 9)
        #expect(weights.matrix.precisions == [2, 3, 4])
        #expect([1, 2, 3, 4, 8].map { weights.matrix.effectiveBits($0) } == [2, 2, 3, 4, 4])
        // 16 x 128 padded cells of 3 bits, 8 entries and one scale a row.
        #expect(weights.matrix.bytesRead(bits: 3) == 16 * 128 * 3 / 8 + 16 * 8 + 16 * 4)
        let bytes = TestWeights(bytesRows: 9, columns: 65, seed: 9)
        #expect(bytes.matrix.effectiveBits(2) == 8)
        #expect(bytes.matrix.bytesRead(bits: 2) == 16 * 128 + 16 * 4)
    }
}
