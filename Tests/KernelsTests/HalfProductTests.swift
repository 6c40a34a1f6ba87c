import Kernels
import Testing

/// Products at 16 bits: every instruction set, shape and token count gives the bits that the definition gives.
@Suite struct HalfProductTests {
    /// The last has activations of more tokens than the second-level cache holds.
    static let shapes = [(1, 64), (7, 65), (8, 128), (9, 1), (16, 576), (24, 640), (35, 200), (12, 4160)]

    /// Weights of precision 16 that own their memory, with no codes beside them.
    final class Weights {
        let values: [Float]
        let matrix: WeightMatrix
        private let block: UnsafeMutablePointer<UInt16>

        init(_ values: [Float], rows: Int, columns: Int) {
            // As halves, so that the definition needs no rounding of its own.
            self.values = values.map { HalfProductTests.float(HalfProductTests.half($0)) }
            let packed = HalfLayout.pack(
                values, rows: rows, columns: columns, pool: ThreadPool(threadCount: 2, instructionSet: .best))
            let raw = UnsafeMutableRawPointer.allocate(byteCount: packed.count * 2, alignment: 64)
            block = raw.bindMemory(to: UInt16.self, capacity: packed.count)
            block.initialize(from: packed, count: packed.count)
            matrix = WeightMatrix(
                .nested(NestedMatrix(rows: rows, columns: columns, planes: [], tables: [], half: UnsafePointer(block))))
        }
        deinit { UnsafeMutableRawPointer(block).deallocate() }
    }

    /// Nearest half, ties to even, by search among the two neighbours: slow and obvious.
    static func half(_ value: Float) -> UInt16 {
        let magnitude = Double(value.magnitude)
        var low: UInt16 = 0
        var high: UInt16 = 0x7c00
        while high - low > 1 {
            let middle = (low + high) / 2
            if Double(float(middle)) <= magnitude { low = middle } else { high = middle }
        }
        // Infinity stands for 65536 in rounding.
        let above = high == 0x7c00 ? 65536 : Double(float(high))
        let (down, up) = (magnitude - Double(float(low)), above - magnitude)
        let nearest = down < up || (down == up && low % 2 == 0) ? low : high
        return nearest | (value.sign == .minus ? 0x8000 : 0)
    }

    static func float(_ bits: UInt16) -> Float {
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 0x3ff)
        if exponent == 31 { return bits & 0x8000 != 0 ? -.infinity : .infinity }
        let magnitude =
            exponent == 0
            ? fraction * 0x1p-24 : Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
        return bits & 0x8000 != 0 ? -magnitude : magnitude
    }

    /// Column i in lane i % 16, products added by rising column, lanes in a tree.
    static func expected(_ weights: [Float], columns: Int, _ x: [Float], tokens: Int) -> [Float] {
        (0..<tokens).flatMap { token in
            (0..<weights.count / columns).map { row in
                var lanes = [Float](repeating: 0, count: 16)
                for column in 0..<columns {
                    let product = weights[row * columns + column] * x[token * columns + column]
                    lanes[column % 16] += product
                }
                for width in [8, 4, 2, 1] { for lane in 0..<width { lanes[lane] += lanes[lane + width] } }
                return lanes[0]
            }
        }
    }

    static func product(_ weights: Weights, _ x: [Float], tokens: Int, _ pool: ThreadPool) -> [Float] {
        let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: weights.matrix.columns)
        buffer.take(x, tokens: tokens, columns: weights.matrix.columns, for: weights.matrix, bits: 16, pool: pool)
        return filled(tokens * weights.matrix.rows) {
            multiply(Product(weights.matrix, bits: 16, output: $0), nil, nil, buffer, pool: pool)
        }
    }

    @Test(arguments: shapes)
    func everyInstructionSetEqualsTheDefinition(rows: Int, columns: Int) {
        var random = TestRandom(rows * 1000 + columns)
        let weights = Weights(random.floats(rows * columns, scale: 0.1), rows: rows, columns: columns)
        let x = random.floats(33 * columns, scale: 3)
        for tokens in [1, 2, 3, 6, 17, 33] {
            let wanted = Self.expected(weights.values, columns: columns, x, tokens: tokens)
            for set in InstructionSet.available {
                let got = Self.product(weights, x, tokens: tokens, ThreadPool(threadCount: 1, instructionSet: set))
                #expect(bits(got) == bits(wanted), "\(set.name), \(tokens) tokens, \(rows) x \(columns)")
            }
        }
    }

    /// Zeros of both signs, subnormal halves, halfway cases, the largest half.
    @Test func roundingIsToTheNearestHalf() {
        var random = TestRandom(16)
        var values: [Float] = [
            0, -0.0, 65504, -65504, 65519.99, 0x1p-24, 0x1p-25, 0x1.8p-24, -0x1.ffcp-15, 0x1p-14, 2049, 2051,
        ]
        while values.count < 10 * 130 {
            values.append(random.float() * Float(sign: .plus, exponent: random.int(-28...15), significand: 1))
        }
        let wanted = values.map { Self.half($0) }
        for set in InstructionSet.available {
            let pool = ThreadPool(threadCount: 3, instructionSet: set)
            let packed = HalfLayout.pack(values, rows: 10, columns: 130, pool: pool)
            #expect(packed.count == 16 * 192)
            var places = Set<Int>()
            for row in 0..<10 {
                for column in 0..<130 {
                    let place = NestedLayout.byteOffset(row: row, column: column, columns: 130)
                    places.insert(place)
                    #expect(packed[place] == wanted[row * 130 + column], "\(values[row * 130 + column])")
                }
            }
            #expect(packed.indices.allSatisfy { places.contains($0) || packed[$0] == 0 })
        }
    }

    @Test func extremeWeightsAreExact() {
        let values: [Float] = [0x1p-24, -0x1p-24, 65504, -65504, 0x1p-14, 0x1.ff8p-15, 1, 0]
        let weights = Weights(values, rows: 1, columns: 8)
        for set in InstructionSet.available {
            for (index, value) in values.enumerated() {
                var x = [Float](repeating: 0, count: 8)
                x[index] = 2
                let y = Self.product(weights, x, tokens: 1, ThreadPool(threadCount: 1, instructionSet: set))
                #expect(y == [value * 2], "\(set.name)")
            }
        }
    }

    @Test func rowsComeBackAsTheyWereRounded() {
        var random = TestRandom(17)
        let weights = Weights(random.floats(9 * 130), rows: 9, columns: 130)
        for set in InstructionSet.available {
            let pool = ThreadPool(threadCount: 1, instructionSet: set)
            for row in 0..<9 {
                let got = filled(130) { weights.matrix.dequantizeRow(row, bits: 16, into: $0, pool: pool) }
                #expect(bits(got) == bits(Array(weights.values[row * 130..<(row + 1) * 130])))
            }
        }
    }

    @Test func threadsAndSharedInputChangeNothing() {
        var random = TestRandom(18)
        let all = [70, 9, 1003].map { Weights(random.floats($0 * 200), rows: $0, columns: 200) }
        for tokens in [1, 29] {
            let x = random.floats(tokens * 200)
            let wanted = all.map { Self.expected($0.values, columns: 200, x, tokens: tokens) }
            for set in InstructionSet.available where set != .scalar {
                for threads in 1...4 {
                    let pool = ThreadPool(threadCount: threads, instructionSet: set)
                    let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: 200)
                    buffer.take(x, tokens: tokens, columns: 200, for: all[0].matrix, bits: 16, pool: pool)
                    var (a, b): ([Float], [Float]) = ([], [])
                    let c = filled(tokens * 1003) { c in
                        b = filled(tokens * 9) { b in
                            a = filled(tokens * 70) { a in
                                multiply(
                                    Product(all[0].matrix, bits: 16, output: a),
                                    Product(all[1].matrix, bits: 16, output: b),
                                    Product(all[2].matrix, bits: 16, output: c), buffer, pool: pool)
                            }
                        }
                    }
                    #expect([a, b, c].map { bits($0) } == wanted.map { bits($0) }, "\(set.name), \(threads) threads")
                }
            }
        }
    }

    /// A buffer serves bytes and floats in turn, as a step-down from 16 bits does.
    @Test func oneBufferServesBothInputs() {
        var random = TestRandom(19)
        let half = Weights(random.floats(8 * 96), rows: 8, columns: 96)
        let nested = TestWeights(nestedRows: 8, columns: 96, bits: 4, seed: 19)
        let pool = ThreadPool(threadCount: 1, instructionSet: .best)
        let buffer = ActivationBuffer(maxTokens: 3, maxColumns: 96)
        let x = random.floats(3 * 96)
        for _ in 0..<2 {
            for tokens in [1, 3] {
                buffer.take(x, tokens: tokens, columns: 96, for: half.matrix, bits: 16, pool: pool)
                #expect(buffer.holdsFloats)
                let wide = filled(tokens * 8) {
                    multiply(Product(half.matrix, bits: 16, output: $0), nil, nil, buffer, pool: pool)
                }
                #expect(bits(wide) == bits(Self.expected(half.values, columns: 96, x, tokens: tokens)))
                buffer.take(x, tokens: tokens, columns: 96, for: nested.matrix, bits: 16, pool: pool)
                #expect(!buffer.holdsFloats)
                let narrow = filled(tokens * 8) {
                    multiply(Product(nested.matrix, bits: 16, output: $0), nil, nil, buffer, pool: pool)
                }
                #expect(bits(narrow) == bits(ProductTests.product(nested, bits: 4, x, tokens: tokens, pool)))
            }
        }
        #expect(half.matrix.precisions == [16] && half.matrix.effectiveBits(4) == 16)
        // 8 x 128 padded cells of two bytes.
        #expect(half.matrix.bytesRead(bits: 16) == 8 * 128 * 2)
    }
}
