import Kernels
import Storage
import Testing

/// Deterministic numbers for tests.
struct TestRandom {
    var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
    mutating func float() -> Float { Float(Int(next() >> 40 & 0xffff) - 32768) / 8192 }
}

/// A random nested matrix that owns its memory.
final class RandomMatrix {
    let rows: Int
    let columns: Int
    let codes: [UInt8]
    let bits: Int
    private var blocks: [UnsafeMutableRawPointer] = []
    private(set) var weights: WeightMatrix

    /// bits 0: plain bytes.
    init(rows: Int, columns: Int, bits: Int, seed: UInt64) {
        var random = TestRandom(seed)
        self.rows = rows
        self.columns = columns
        self.bits = bits
        let padded = NestedLayout.paddedRows(rows)
        var blocks: [UnsafeMutableRawPointer] = []
        func copy<T>(_ values: [T]) -> UnsafePointer<T> {
            let block = UnsafeMutableRawPointer.allocate(
                byteCount: values.count * MemoryLayout<T>.stride + 64, alignment: 64)
            blocks.append(block)
            let typed = block.bindMemory(to: T.self, capacity: values.count)
            typed.initialize(from: values, count: values.count)
            return UnsafePointer(typed)
        }
        func scales() -> UnsafePointer<Float> { copy((0..<padded).map { _ in Float(random.next() % 1000) / 10000 }) }
        if bits == 0 {
            codes = []
            let values = (0..<padded * NestedLayout.paddedColumns(columns)).map { _ in
                UInt8(truncatingIfNeeded: random.next() >> 20)
            }
            weights = WeightMatrix(
                .int8(Int8Matrix(rows: rows, columns: columns, values: copy(values), scales: scales())))
        } else {
            codes = (0..<rows * columns).map { _ in
                UInt8(truncatingIfNeeded: random.next() >> 20) & UInt8((1 << bits) - 1)
            }
            let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits).map { copy($0) }
            let tables = (2...bits).map { precision in
                NestedMatrix.Table(
                    bits: precision,
                    entries: copy(
                        (0..<padded << precision).map { _ in UInt8(truncatingIfNeeded: random.next() >> 20) }),
                    scales: scales())
            }
            weights = WeightMatrix(.nested(NestedMatrix(rows: rows, columns: columns, planes: planes, tables: tables)))
        }
        self.blocks = blocks
    }
    deinit { for block in blocks { block.deallocate() } }

    func product(_ x: [Float], tokens: Int, bits: Int, pool: ThreadPool) -> [Float] {
        let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: columns)
        buffer.quantize(x, tokens: tokens, columns: columns, pool: pool)
        var out = [Float](repeating: .nan, count: tokens * rows)
        out.withUnsafeMutableBufferPointer { out in
            guard let base = out.baseAddress else { return }
            multiply(Product(weights, bits: bits, output: base), nil, nil, buffer, pool: pool)
        }
        return out
    }
}

@Suite struct ProductTests {
    static let shapes = [(1, 64), (7, 65), (8, 128), (9, 576), (24, 640), (40, 100), (17, 192)]

    @Test(arguments: [0, 2, 3, 4, 5, 6, 7, 8])
    func everyInstructionSetAndThreadCountGivesTheScalarBits(bits: Int) {
        for (rows, columns) in Self.shapes {
            let matrix = RandomMatrix(rows: rows, columns: columns, bits: bits, seed: UInt64(rows * columns + bits))
            for tokens in [1, 2, 3, 17] {
                var random = TestRandom(UInt64(tokens))
                let x = (0..<tokens * columns).map { _ in random.float() }
                for precision in bits == 0 ? [8] : Array(Set([2, bits])) {
                    let expected = matrix.product(
                        x, tokens: tokens, bits: precision, pool: ThreadPool(threadCount: 1, instructionSet: .scalar))
                    #expect(expected.allSatisfy { $0.isFinite })
                    for set in InstructionSet.available {
                        for threads in [1, 2, 4] {
                            let found = matrix.product(
                                x, tokens: tokens, bits: precision,
                                pool: ThreadPool(threadCount: threads, instructionSet: set))
                            #expect(
                                found == expected, "\(set) \(threads) threads, \(rows) x \(columns), \(tokens) tokens")
                        }
                    }
                }
            }
        }
    }

    /// One token and many give the same bits: prefill and decode agree.
    @Test func oneTokenAtATimeEqualsManyAtOnce() throws {
        let pool = try ThreadPool(threadCount: 2)
        let matrix = RandomMatrix(rows: 40, columns: 576, bits: 4, seed: 5)
        var random = TestRandom(9)
        let x = (0..<13 * 576).map { _ in random.float() }
        let many = matrix.product(x, tokens: 13, bits: 4, pool: pool)
        for token in 0..<13 {
            let one = matrix.product(Array(x[token * 576..<(token + 1) * 576]), tokens: 1, bits: 4, pool: pool)
            #expect(one == Array(many[token * 40..<(token + 1) * 40]))
        }
    }

    /// Against double arithmetic on dequantized rows; bytes with a scale per 128 columns cost under 1% here.
    @Test(arguments: [0, 2, 4, 6, 8])
    func productIsCloseToExactArithmetic(bits: Int) throws {
        let pool = try ThreadPool(threadCount: 1)
        let matrix = RandomMatrix(rows: 16, columns: 576, bits: bits, seed: 77)
        var random = TestRandom(3)
        let x = (0..<576).map { _ in random.float() }
        let found = matrix.product(x, tokens: 1, bits: bits == 0 ? 8 : bits, pool: pool)
        for row in 0..<16 {
            var weights = [Float](repeating: 0, count: 576)
            matrix.weights.dequantizeRow(row, bits: bits == 0 ? 8 : bits, into: &weights, pool: pool)
            let exact = zip(weights, x).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let size = zip(weights, x).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
            #expect(abs(Double(found[row]) - exact) < 0.01 * size)
        }
    }

    @Test func severalProductsShareOneInput() throws {
        let pool = try ThreadPool(threadCount: 3)
        let matrices = [(40, 1), (9, 2), (64, 3)].map {
            RandomMatrix(rows: $0.0, columns: 192, bits: 4, seed: UInt64($0.1))
        }
        var random = TestRandom(4)
        for tokens in [1, 5] {
            let x = (0..<tokens * 192).map { _ in random.float() }
            let buffer = ActivationBuffer(maxTokens: tokens, maxColumns: 192)
            buffer.quantize(x, tokens: tokens, columns: 192, pool: pool)
            let outputs = matrices.map { UnsafeMutablePointer<Float>.allocate(capacity: tokens * $0.rows) }
            defer { for output in outputs { output.deallocate() } }
            let products = zip(matrices, outputs).map { Product($0.weights, bits: 3, output: $1) }
            multiply(products[0], products[1], products[2], buffer, pool: pool)
            for (matrix, output) in zip(matrices, outputs) {
                let alone = matrix.product(x, tokens: tokens, bits: 3, pool: pool)
                #expect(Array(UnsafeBufferPointer(start: output, count: tokens * matrix.rows)) == alone)
            }
        }
    }

    @Test func effectiveBitsAndBytes() {
        let nested = RandomMatrix(rows: 8, columns: 64, bits: 4, seed: 1).weights
        #expect(nested.precisions == [2, 3, 4])
        #expect(nested.effectiveBits(8) == 4 && nested.effectiveBits(3) == 3)
        #expect(nested.bytesRead(bits: 3) == 8 * 64 * 3 / 8 + 8 * 8 + 8 * 4)
        let bytes = RandomMatrix(rows: 8, columns: 64, bits: 0, seed: 1).weights
        #expect(bytes.bytesRead(bits: 2) == 8 * 64 + 8 * 4)
    }

    @Test func unknownInstructionSetsAreUsageErrors() {
        #expect(throws: TaperError(.usage, "")) { try InstructionSet.select(override: "sse9") }
        #expect(throws: Never.self) { try InstructionSet.select(override: "scalar") }
    }
}

@Suite struct NestedLayoutTests {
    @Test(arguments: [2, 3, 4, 5, 6, 7, 8])
    func packedCodesComeBack(bits: Int) {
        for (rows, columns) in ProductTests.shapes {
            let matrix = RandomMatrix(rows: rows, columns: columns, bits: bits, seed: UInt64(bits))
            let planes = NestedLayout.pack(codes: matrix.codes, rows: rows, columns: columns, bits: bits)
            #expect(NestedLayout.unpack(planes: planes, rows: rows, columns: columns, bits: bits) == matrix.codes)
            for (plane, bytes) in planes.enumerated() {
                #expect(bytes.count == NestedLayout.planeByteCount(rows: rows, columns: columns, plane: plane))
            }
            // The leading bits alone are the lower precision's code.
            let low = NestedLayout.unpack(planes: planes, rows: rows, columns: columns, bits: 2)
            #expect(low == matrix.codes.map { $0 >> UInt8(bits - 2) })
        }
    }

    @Test func tableOrderPutsLaterBitsHigher() {
        #expect(NestedLayout.tableIndex(ofPrefix: 0b10, bits: 2) == 0b10)
        #expect(NestedLayout.tableIndex(ofPrefix: 0b101, bits: 3) == 0b110)
        #expect(NestedLayout.tableIndex(ofPrefix: 0b1001, bits: 4) == 0b1010)
        for bits in 2...8 {
            let order = (0..<1 << bits).map { NestedLayout.tableIndex(ofPrefix: $0, bits: bits) }
            #expect(order.sorted() == Array(0..<1 << bits))
        }
    }
}

@Suite struct AttentionTests {
    private struct Case {
        var tokens: Int, first: Int, heads: Int, kvHeads: Int, size: Int
    }

    /// Output and a naive double-precision oracle.
    private func run(_ c: Case, _ set: InstructionSet, threads: Int) -> (found: [Float], exact: [Double]) {
        let pool = ThreadPool(threadCount: threads, instructionSet: set)
        let capacity = c.first + c.tokens + 3
        let count = c.kvHeads * capacity * c.size
        let keys = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
        let values = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
        defer {
            keys.deallocate()
            values.deallocate()
        }
        keys.initialize(repeating: 0, count: count)
        values.initialize(repeating: 0, count: count)
        let cache = KVLayer(keys: keys, values: values, capacity: capacity, kvHeads: c.kvHeads, headSize: c.size)
        var random = TestRandom(UInt64(c.tokens * 31 + c.first))
        let positions = c.first + c.tokens
        let k = (0..<positions * c.kvHeads * c.size).map { _ in random.float() }
        let v = (0..<positions * c.kvHeads * c.size).map { _ in random.float() }
        let q = (0..<c.tokens * c.heads * c.size).map { _ in random.float() }
        storeKV(keys: k, values: v, tokens: positions, firstPosition: 0, cache: cache, pool: pool)
        var out = [Float](repeating: .nan, count: q.count)
        attention(
            query: q, tokens: c.tokens, firstPosition: c.first, cache: cache, heads: c.heads, output: &out, pool: pool)
        var exact: [Double] = []
        for token in 0..<c.tokens {
            for head in 0..<c.heads {
                let kv = head / (c.heads / c.kvHeads)
                func at(_ values: [Float], _ position: Int, _ d: Int) -> Double {
                    Double(floatFromHalf(halfFromFloat(values[(position * c.kvHeads + kv) * c.size + d])))
                }
                let scores = (0...c.first + token).map { position in
                    (0..<c.size).reduce(0.0) {
                        $0 + Double(q[(token * c.heads + head) * c.size + $1]) * at(k, position, $1)
                    }
                        / Double(c.size).squareRoot()
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exponential($0 - top) }
                let sum = weights.reduce(0, +)
                for d in 0..<c.size {
                    exact.append(weights.indices.reduce(0.0) { $0 + weights[$1] / sum * at(v, $1, d) })
                }
            }
        }
        return (out, exact)
    }

    @Test func everyInstructionSetIsCloseToExactAndEqualToScalar() {
        let cases = [
            Case(tokens: 1, first: 0, heads: 3, kvHeads: 1, size: 64),
            Case(tokens: 1, first: 70, heads: 9, kvHeads: 3, size: 64),
            Case(tokens: 5, first: 0, heads: 4, kvHeads: 2, size: 32),
            Case(tokens: 20, first: 61, heads: 2, kvHeads: 2, size: 40),
            Case(tokens: 2, first: 3, heads: 2, kvHeads: 1, size: 100),
            Case(tokens: 33, first: 7, heads: 6, kvHeads: 2, size: 16),
        ]
        for c in cases {
            let scalar = run(c, .scalar, threads: 1)
            for (found, exact) in zip(scalar.found, scalar.exact) { #expect(abs(Double(found) - exact) < 2e-4) }
            for set in InstructionSet.available {
                for threads in [1, 3] { #expect(run(c, set, threads: threads).found == scalar.found, "\(set) \(c)") }
            }
        }
    }
}

@Suite struct VectorOpsTests {
    @Test func allInstructionSetsGiveTheSameBitsCloseToExact() {
        var random = TestRandom(12)
        for count in [1, 15, 16, 17, 576, 1000] {
            let x = (0..<count).map { _ in random.float() }
            let w = (0..<count).map { _ in random.float() }
            var results: [[[Float]]] = []
            for set in InstructionSet.available {
                let ops = VectorOps(ThreadPool(threadCount: 1, instructionSet: set))
                var norm = [Float](repeating: 0, count: count)
                ops.rmsNorm(x, weight: w, epsilon: 1e-5, tokens: 1, columns: count, into: &norm)
                var layer = norm
                ops.layerNorm(x, weight: w, bias: w, epsilon: 1e-5, tokens: 1, columns: count, into: &layer)
                var silu = norm
                ops.siluMultiply(gate: x, up: w, tokens: 1, columns: count, into: &silu)
                var gelu = x
                ops.gelu(&gelu, tanhForm: true, tokens: 1, columns: count)
                var soft = x
                let sum = ops.softmaxNumerators(&soft, count: count)
                results.append([norm, layer, silu, gelu, soft, [sum], [Float(ops.argmax(x, count: count))]])
            }
            for other in results.dropFirst() { #expect(other == results[0], "\(count) elements") }
            let mean = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(count)
            for index in 0..<count {
                let norm = Double(x[index]) / (mean + 1e-5).squareRoot() * Double(w[index])
                #expect(abs(Double(results[0][0][index]) - norm) < 1e-5 * max(1, abs(norm)))
                let silu = Double(x[index]) / (1 + exponential(-Double(x[index]))) * Double(w[index])
                #expect(abs(Double(results[0][2][index]) - silu) < 1e-5 * max(1, abs(silu)))
            }
            let top = x.max() ?? 0
            #expect(
                abs(Double(results[0][5][0]) - x.reduce(0.0) { $0 + exponential(Double($1 - top)) }) < 1e-4
                    * Double(count))
            #expect(x[Int(results[0][6][0])] == top)
        }
    }
}

@Suite struct ThreadPoolTests {
    @Test func everyPartRunsExactlyOnce() throws {
        let pool = try ThreadPool(threadCount: 4)
        for round in 0..<3000 {
            let parts = round % 37
            let counts = UnsafeMutablePointer<Int32>.allocate(capacity: max(parts, 1))
            defer { counts.deallocate() }
            counts.initialize(repeating: 0, count: max(parts, 1))
            pool.run(parts) { counts[$0] += 1 }
            for part in 0..<parts { #expect(counts[part] == 1) }
        }
    }
}
