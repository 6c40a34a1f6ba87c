import Kernels
import Storage
import Testing

/// A head whose largest logits are found from its leading bits: they are those of the whole product, bit for bit, or it says that
/// it cannot tell.
@Suite struct ScreenedHeadTests {
    static let columns = 200

    /// Weights in 6 bits that look like a Gaussian's, their three leading bits as a code of its own, and how much that leaves out.
    final class Head {
        let matrix: WeightMatrix
        let screen: HeadScreen
        private let memory: MemoryBlock

        /// - Parameter trust: factor on the deviations that were measured.
        init(rows: Int, directions: Int = 3, trust: Float = 1, margin: Float = 5) throws {
            var random = TestRandom(5)
            let columns = ScreenedHeadTests.columns
            let codes = (0..<rows * columns).map { _ in
                UInt8(min(63, max(0, 32 + Int((random.float() * 20).rounded()))))
            }
            let padded = (rows + 15) / 16 * 16
            let planes = NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: 6)
            var bytes = planes.reduce(0) { $0 + roundedUp($1.count, to: 64) }
            let parts = [64 * padded, 8 * padded, 4 * padded, 4 * padded, 4 * padded, 4 * padded, padded * directions]
            bytes += parts.reduce(0) { $0 + roundedUp($1, to: 64) } + 4 * directions * (columns + 16) + 128
            let memory = try MemoryBlock(byteCount: bytes, purpose: "a test", remedy: "")
            self.memory = memory
            memory.base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
            var end = 0
            func take<Value>(_ type: Value.Type, _ count: Int) -> UnsafeMutablePointer<Value> {
                defer { end = roundedUp(end + count * MemoryLayout<Value>.stride, to: 64) }
                return memory.values(type, at: end, count: count)
            }
            let placed = planes.map { plane in
                let pointer = take(UInt8.self, plane.count)
                for (index, byte) in plane.enumerated() { pointer[index] = byte }
                return UnsafePointer(pointer)
            }
            let entries = take(UInt8.self, 64 * padded)
            let scales = take(Float.self, padded)
            let lead = take(UInt8.self, 8 * padded)
            for row in 0..<rows {
                scales[row] = 0.01 + Float(row % 7) * 0.001
                for code in 0..<64 {
                    entries[row * 64 + NestedLayout.tableIndex(ofPrefix: code, bits: 6)] = UInt8(2 * code + 64)
                }
                // The middle of each eighth.
                for code in 0..<8 {
                    lead[row * 8 + NestedLayout.tableIndex(ofPrefix: code, bits: 3)] = UInt8(71 + 16 * code)
                }
            }
            matrix = WeightMatrix(
                .nested(
                    NestedMatrix(
                        rows: rows, columns: columns, planes: placed,
                        tables: [NestedMatrix.Table(bits: 6, entries: entries, scales: scales)])))
            let basis = take(Float.self, directions * columns)
            let units = take(Float.self, max(1, directions))
            let deviations = take(Float.self, padded)
            let projectionScales = take(Float.self, padded)
            let projections = take(Int8.self, padded * max(1, directions))
            for direction in 0..<directions { (basis[direction * columns + direction], units[direction]) = (1, 4) }
            for row in 0..<rows {
                func error(_ column: Int) -> Float {
                    let code = Int(codes[row * columns + column])
                    let index = NestedLayout.tableIndex(ofPrefix: code >> 3, bits: 3)
                    return (Float(2 * code + 64) - Float(lead[row * 8 + index])) * scales[row]
                }
                projectionScales[row] = 4 * 32 * scales[row] / 127
                var rest: Float = 0
                for column in directions..<columns { rest += error(column) * error(column) }
                for direction in 0..<directions {
                    let value = (error(direction) * 4 / projectionScales[row]).rounded()
                    projections[(row / 16 * directions + direction) * 16 + row % 16] = Int8(value)
                }
                deviations[row] = trust * (rest / Float(columns - directions)).squareRoot()
            }
            screen = HeadScreen(
                lead: WeightMatrix(
                    .nested(
                        NestedMatrix(
                            rows: rows, columns: columns, planes: Array(placed.prefix(2)),
                            tables: [NestedMatrix.Table(bits: 3, entries: lead, scales: scales)]))),
                basis: basis, directions: directions, units: units, projections: projections, scales: projectionScales,
                deviations: deviations, margin: margin, evidence: HeadScreen.Evidence())
        }
    }

    /// States with three large columns.
    private static func states(_ count: Int) -> [Float] {
        var random = TestRandom(9)
        return (0..<count * columns).map { random.float() * ($0 % columns < 3 ? 8 : 1) }
    }

    private struct Found: Equatable {
        var logits: [UInt32]
        var tileRows: Int?
    }

    private static func run(
        _ head: Head, _ states: [Float], leading: Int, bias: UnsafePointer<Float>? = nil, cap: Float = 0,
        pool: ThreadPool
    ) -> (found: [Float], whole: [Float], tileRows: Int?) {
        let count = states.count / columns
        let rows = head.matrix.rows
        let x = ActivationBuffer(maxTokens: count, maxColumns: columns)
        var (found, whole) = ([Float](repeating: 0, count: count * rows), [Float](repeating: 0, count: count * rows))
        let screened = ScreenedHead([head.screen], of: head.matrix, bias: bias, cap: cap)
        x.quantize(states, tokens: count, columns: columns, pool: pool)
        let requests = (0..<count).map { _ in ScreenedHead.Request(bits: 6, leading: leading) }
        let tileRows = screened.run(requests, by: head.screen, states: states, x, logits: &found, pool: pool)?
            .reduce(0, +)
        multiply(Product(head.matrix, bits: 6, output: &whole), nil, nil, x, pool: pool)
        let operations = VectorOps(pool)
        if let bias { operations.addBias(bias, tokens: count, columns: rows, to: &whole) }
        if cap != 0 { operations.softCap(&whole, cap: cap, tokens: count, columns: rows) }
        return (found, whole, tileRows)
    }

    private static func likeliest(_ logits: ArraySlice<Float>, _ count: Int) -> [Int] {
        Array(
            logits.enumerated().sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.prefix(count).map(\.offset)
        )
    }

    /// Of rows that fill no tile and no block.
    @Test(arguments: [2000, 2001, 2005, 2009, 2013], [1, 5, 30])
    func findsTheLargestLogits(_ rows: Int, _ leading: Int) throws {
        let head = try Head(rows: rows)
        let states = Self.states(6)
        let (found, whole, tileRows) = Self.run(
            head, states, leading: leading, pool: ThreadPool(threadCount: 2, instructionSet: .best))
        let read = try #require(tileRows, "the whole head was asked for")
        #expect(read >= 6 && read < 6 * (rows / 8) * (leading < 10 ? 5 : 8) / 10)
        for token in 0..<6 {
            let range = token * rows..<(token + 1) * rows
            #expect(Self.likeliest(found[range], leading) == Self.likeliest(whole[range], leading))
            for index in range where found[index] != -.infinity { #expect(found[index] == whole[index]) }
        }
        #expect(found.count { $0 != -.infinity } <= read * 8)
    }

    /// Rows by name have their logits, and the largest are those of the others, whole tiles of names among them.
    @Test func rowsThatAreAskedForAreThere() throws {
        let head = try Head(rows: 2001)
        let pool = ThreadPool(threadCount: 2, instructionSet: .best)
        let states = Self.states(1)
        let (_, whole, _) = Self.run(head, states, leading: 1, pool: pool)
        let order = Self.likeliest(whole[...], 2001)
        let tile = order[0] / 8 * 8
        for rows in [[3, 1999, 2000], Array(order.prefix(5)), Array(tile..<tile + 8), [order[0], -1, 9000, 3, 3]] {
            let x = ActivationBuffer(maxTokens: 1, maxColumns: Self.columns)
            x.quantize(states, tokens: 1, columns: Self.columns, pool: pool)
            var found = [Float](repeating: 0, count: 2001)
            let screened = ScreenedHead([head.screen], of: head.matrix, bias: nil, cap: 0)
            let request = ScreenedHead.Request(bits: 6, leading: 4, rows: rows)
            let tileRows = screened.run([request], by: head.screen, states: states, x, logits: &found, pool: pool)
            #expect(tileRows != nil)
            for row in rows where row >= 0 && row < 2001 { #expect(found[row] == whole[row]) }
            for row in order.filter({ !rows.contains($0) }).prefix(4) { #expect(found[row] == whole[row]) }
        }
    }

    @Test func biasAndCapAreThoseOfTheWholeHead() throws {
        let head = try Head(rows: 2001)
        var random = TestRandom(2)
        let bias = random.floats(2001, scale: 0.2)
        for cap: Float in [0, 30] {
            let (found, whole, tileRows) = bias.withUnsafeBufferPointer {
                Self.run(
                    head, Self.states(3), leading: 10, bias: $0.baseAddress, cap: cap,
                    pool: ThreadPool(threadCount: 1, instructionSet: .best))
            }
            #expect(tileRows != nil)
            for token in 0..<3 {
                let range = token * 2001..<(token + 1) * 2001
                #expect(Self.likeliest(found[range], 10) == Self.likeliest(whole[range], 10))
                for index in range where found[index] != -.infinity { #expect(found[index] == whole[index]) }
            }
        }
    }

    @Test func everyInstructionSetAndThreadCountFindsTheSame() throws {
        let head = try Head(rows: 2013)
        let states = Self.states(2)
        var all: [Found] = []
        for set in InstructionSet.available {
            for threads in [1, 3] {
                let pool = ThreadPool(threadCount: threads, instructionSet: set)
                let (found, _, tileRows) = Self.run(head, states, leading: 20, pool: pool)
                all.append(Found(logits: found.map(\.bitPattern), tileRows: tileRows))
            }
        }
        #expect(all.count >= 4 && all.allSatisfy { $0 == all[0] })
    }

    /// Where a cap makes large logits equal, all of them are read.
    @Test func logitsFarBeyondTheCapNeedTheWholeHead() throws {
        let head = try Head(rows: 2000)
        #expect(
            Self.run(head, Self.states(1), leading: 1, cap: 30, pool: ThreadPool(threadCount: 1, instructionSet: .best))
                .tileRows != nil)
        #expect(
            Self.run(
                head, Self.states(1), leading: 1, cap: 0.5, pool: ThreadPool(threadCount: 1, instructionSet: .best)
            ).tileRows == nil)
    }

    /// Rows that are read tell of rows that are not.
    @Test func deviationsThatAreTooSmallAreNoticed() throws {
        let head = try Head(rows: 2000, trust: 0.05, margin: 1)
        let (_, _, tileRows) = Self.run(
            head, Self.states(1), leading: 30, pool: ThreadPool(threadCount: 1, instructionSet: .best))
        #expect(tileRows == nil)
    }

    @Test func statesThatAreNoNumbersNeedTheWholeHead() throws {
        let head = try Head(rows: 2000)
        for value in [Float.nan, .infinity] {
            var states = Self.states(1)
            states[17] = value
            #expect(
                Self.run(head, states, leading: 1, pool: ThreadPool(threadCount: 1, instructionSet: .best)).tileRows
                    == nil)
        }
    }

    /// Where nothing can be left out, nothing is.
    @Test func deviationsThatAreTooLargeNeedTheWholeHead() throws {
        let head = try Head(rows: 2000, trust: 100)
        #expect(
            Self.run(head, Self.states(1), leading: 1, pool: ThreadPool(threadCount: 1, instructionSet: .best)).tileRows
                == nil)
    }

    @Test func aScreenIsChosenByWhatItReads() throws {
        let head = try Head(rows: 2000)
        let screened = ScreenedHead([head.screen], of: head.matrix, bias: nil, cap: 0)
        #expect(screened.screen(for: 1, bits: 6) != nil)
        #expect(screened.screen(for: screened.leadingLimit + 1, bits: 6) == nil)
        #expect(screened.screen(for: .max, bits: 6) == nil)
        #expect(screened.leadingLimit == 31)
    }
}
