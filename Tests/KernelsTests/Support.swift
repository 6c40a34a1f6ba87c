import Kernels
import Storage
import Testing

/// A small fixed sequence of random numbers, so that every run tests the same cases.
struct TestRandom {
    private var random: SplitMix64
    init(_ seed: Int) { random = SplitMix64(state: UInt64(truncatingIfNeeded: seed)) }

    mutating func next() -> UInt64 { random.next() }
    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 20) }
    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }
    /// Roughly normal, so that groups have outliers as activations do.
    mutating func float() -> Float {
        var sum: Float = 0
        for _ in 0..<4 { sum += Float(next() >> 40) / Float(1 << 24) - 0.5 }
        return sum
    }
    mutating func floats(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in float() * scale } }
}

/// Weights that own their memory: random codes at 8 bits with a table for every precision, or plain bytes.
final class TestWeights {
    let rows: Int
    let columns: Int
    let codes: [UInt8]
    let tables: [PackedTable]
    let matrix: WeightMatrix
    private var owned: [UnsafeMutableRawPointer] = []

    init(nestedRows rows: Int, columns: Int, bits: Int = 8, seed: Int) {
        var random = TestRandom(seed)
        self.rows = rows
        self.columns = columns
        let codes = (0..<rows * columns).map { _ in random.byte() >> UInt8(8 - bits) }
        let paddedRows = NestedLayout.paddedRows(rows)
        let tables = (2...bits).map { bits in
            PackedTable(
                bits: bits, entries: (0..<paddedRows << bits).map { _ in random.byte() },
                scales: (0..<paddedRows).map { $0 < rows ? random.float() * 0.01 : 0 })
        }
        self.codes = codes
        self.tables = tables
        var owned: [UnsafeMutableRawPointer] = []
        func keep<T>(_ array: [T]) -> UnsafePointer<T> {
            let block = UnsafeMutableRawPointer.allocate(byteCount: array.count * MemoryLayout<T>.stride, alignment: 64)
            owned.append(block)
            let typed = block.bindMemory(to: T.self, capacity: array.count)
            typed.initialize(from: array, count: array.count)
            return UnsafePointer(typed)
        }
        let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits).map { keep($0) }
        matrix = WeightMatrix(
            .nested(
                NestedMatrix(
                    rows: rows, columns: columns, planes: planes,
                    tables: tables.map {
                        NestedMatrix.Table(bits: $0.bits, entries: keep($0.entries), scales: keep($0.scales))
                    })))
        self.owned = owned
    }

    init(bytesRows rows: Int, columns: Int, seed: Int) {
        var random = TestRandom(seed)
        self.rows = rows
        self.columns = columns
        let paddedRows = NestedLayout.paddedRows(rows)
        let scales = UnsafeMutablePointer<Float>.allocate(capacity: paddedRows)
        scales.initialize(repeating: 0, count: paddedRows)
        var codes: [UInt8] = []
        for row in 0..<rows {
            scales[row] = random.float() * 0.01
            for _ in 0..<columns { codes.append(random.byte()) }
        }
        let tiled = NestedLayout.tiled(codes, rows: rows, columns: columns)
        let block = UnsafeMutableRawPointer.allocate(byteCount: tiled.count, alignment: 64)
        let values = block.bindMemory(to: UInt8.self, capacity: tiled.count)
        values.initialize(from: tiled, count: tiled.count)
        self.codes = codes
        tables = [PackedTable(bits: 8, entries: [], scales: (0..<rows).map { scales[$0] })]
        matrix = WeightMatrix(.int8(Int8Matrix(rows: rows, columns: columns, values: values, scales: scales)))
        owned = [block, UnsafeMutableRawPointer(scales)]
    }

    deinit { for block in owned { block.deallocate() } }

    /// The byte (centroid + 128) and the row's scale, from the codes and tables alone.
    func entry(_ row: Int, _ column: Int, bits: Int) -> (byte: UInt8, scale: Float) {
        let code = Int(codes[row * columns + column])
        guard let table = tables.first(where: { $0.bits == bits }) else { return (0, 0) }
        if table.entries.isEmpty { return (UInt8(code), table.scales[row]) }
        let held = tables.count + 1
        let index = NestedLayout.tableIndex(ofPrefix: code >> (held - bits), bits: bits)
        return (table.entries[row << bits + index], table.scales[row])
    }
}

/// Bit patterns, so that equality means equality of every bit.
func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// Calls a kernel that fills `count` floats, and returns them.
func filled(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        guard let base = buffer.baseAddress else { return }
        base.initialize(repeating: .signalingNaN, count: count)
        body(base)
        initialized = count
    }
}

/// Largest absolute difference.
func distance(_ a: [Float], _ b: [Double]) -> Double {
    zip(a, b).map { abs(Double($0) - $1) }.reduce(a.count == b.count ? 0 : .infinity, max)
}

/// Runs `body` on every instruction set, checks that all agree bit for bit, and returns the result.
func agreed(_ what: String, _ body: (VectorOps, ThreadPool) -> [Float]) -> [Float] {
    var first: [Float]?
    for set in InstructionSet.available {
        let pool = ThreadPool(threadCount: 1, instructionSet: set)
        let result = body(VectorOps(pool), pool)
        if let first { #expect(bits(first) == bits(result), "\(what) on \(set.name)") } else { first = result }
    }
    return first ?? []
}

/// e^x as (e^(x / 1024))^1024 with a Taylor series: no need for a library in a test of exp.
func exponential(_ x: Double) -> Double {
    let small = x / 1024
    var (term, sum) = (1.0, 1.0)
    for n in 1...14 {
        term *= small / Double(n)
        sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
}

/// tanh(x); its series near 0, where the quotient of exponentials would cancel.
func hyperbolicTangent(_ x: Double) -> Double {
    if abs(x) < 0.02 { return x * (1 + x * x * (-1.0 / 3 + x * x * (2.0 / 15 - x * x * 17 / 315))) }
    let e = exponential(2 * max(-40, min(40, x)))
    return (e - 1) / (e + 1)
}
