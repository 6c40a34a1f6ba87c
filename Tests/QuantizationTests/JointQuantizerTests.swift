import Kernels
import Quantization
import Storage
import Testing

@Suite struct JointQuantizerTests {
    /// Rows of random weights, and a Hessian with strong correlations between columns; 37 columns fill no vector.
    private struct Case {
        let rows: Int
        let columns: Int
        var weights: [Float]
        var hessian: [Float]

        init() {
            (rows, columns) = (19, 37)
            var state: UInt64 = 42
            func next() -> Float {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int64(bitPattern: state) >> 33) / Float(1 << 30)
            }
            weights = (0..<19 * 37).map { _ in next() * next() }
            let x = (0..<60).map { _ -> [Float] in
                let common = next()
                return (0..<37).map { next() + 2 * common * Float($0 % 3) }
            }
            var h = [Float](repeating: 0, count: 37 * 37)
            for row in x { for i in 0..<37 { for j in 0..<37 { h[i * 37 + j] += row[i] * row[j] / 60 } } }
            hessian = h
        }

        /// Columns that resemble their neighbours and, less, all others; a third of them larger.
        init(rows: Int, columns: Int) {
            (self.rows, self.columns) = (rows, columns)
            var random = RandomGenerator(seed: 7)
            weights = (0..<rows * columns).map { _ in
                Float(random.uniform() + random.uniform() + random.uniform() - 1.5)
            }
            var near = [Float](repeating: 1, count: columns)
            for index in 1..<columns { near[index] = near[index - 1] * 0.9 }
            var h = [Float](repeating: 0, count: columns * columns)
            for i in 0..<columns {
                for j in 0..<columns {
                    h[i * columns + j] = (1 + near[abs(i - j)]) * (i % 3 == 0 ? 2 : 1) * (j % 3 == 0 ? 2 : 1)
                }
            }
            hessian = h
        }

        /// (w - w') H (w - w')^T over all rows.
        func error(_ packed: PackedMatrix, bits: Int, _ hessian: [Float]? = nil) -> Double {
            let hessian = hessian ?? self.hessian
            let values = packed.dequantized(bits: bits)
            var sum = 0.0
            for row in 0..<rows {
                let e = (0..<columns).map { Double(weights[row * columns + $0] - values[row * columns + $0]) }
                for i in 0..<columns { for j in 0..<columns { sum += e[i] * Double(hessian[i * columns + j]) * e[j] } }
            }
            return sum
        }

        /// The Hessian as the quantizer damps it.
        var damped: [Float] {
            let mean = (0..<columns).reduce(Float(0)) { $0 + hessian[$1 * columns + $1] } / Float(columns)
            return hessian.indices.map { hessian[$0] + ($0 % (columns + 1) == 0 ? 0.01 * mean : 0) }
        }

        func quantize(
            feedback: Bool, threads: Int = 2, set: InstructionSet = .best,
            report: (([Double], [Double]) -> Void)? = nil
        ) throws -> PackedMatrix {
            var joint = JointSettings()
            joint.usesFeedback = feedback
            let pool = ThreadPool(threadCount: threads, instructionSet: set)
            let own = try LayerHessian(hessian, columns: columns, joint: joint, pool: pool, place: "test")
            return try quantizeJoint(
                name: "w", weights: weights, rows: rows, columns: columns,
                hessians: [RowHessian(rows: 0..<rows, hessian: own)],
                settings: NestedSettings(precisions: [2, 3, 4], seedBits: 2), joint: joint,
                pool: pool, report: report)
        }
    }

    @Test(arguments: [false, true])
    func everyInstructionSetGivesTheSameCodes(feedback: Bool) throws {
        let plain = try Case().quantize(feedback: feedback, set: .scalar)
        for set in InstructionSet.available {
            let other = try Case().quantize(feedback: feedback, set: set)
            #expect(other.planes == plain.planes, "\(set.name)")
            #expect(other.tables.map(\.entries) == plain.tables.map(\.entries), "\(set.name)")
            #expect(other.tables.map(\.scales) == plain.tables.map(\.scales), "\(set.name)")
        }
    }

    @Test(arguments: [false, true])
    func theErrorOfTheOutputsIsFarBelowClusteringAlone(feedback: Bool) throws {
        let data = Case()
        let joint = try data.quantize(feedback: feedback)
        let clusters = try quantizeNested(
            name: "w", weights: data.weights, rows: data.rows, columns: data.columns,
            sensitivity: (0..<data.columns).map { data.hessian[$0 * data.columns + $0] },
            settings: NestedSettings(precisions: [2, 3, 4], seedBits: 2), pool: try ThreadPool(threadCount: 1))
        for bits in [2, 3, 4] { #expect(data.error(joint, bits: bits) < 0.8 * data.error(clusters, bits: bits)) }
    }

    /// 1e-4: sums in single precision. Rounding after the last codes were chosen would change the error at 4 bits by more.
    @Test func theCentroidsThatCodesAreChosenForAreThoseOfTheTables() throws {
        let data = Case()
        var after: [Double] = []
        let packed = try data.quantize(feedback: true) { _, errors in after = errors }
        for (bits, reported) in zip([2, 3, 4], after) {
            let found = data.error(packed, bits: bits, data.damped)
            #expect(abs(found / reported - 1) < 1e-4, "\(bits) bits")
        }
    }

    /// More columns than are summed, or told of moves, at a time; by what is stored, as above.
    @Test(arguments: [(4160, false), (700, true)])
    func wideLayersAreSummedWhole(columns: Int, feedback: Bool) throws {
        let data = Case(rows: 3, columns: columns)
        var (before, after): ([Double], [Double]) = ([], [])
        let packed = try data.quantize(feedback: feedback) { (before, after) = ($0, $1) }
        let damped = data.damped
        for (index, bits) in [2, 3, 4].enumerated() {
            #expect(abs(data.error(packed, bits: bits, damped) / after[index] - 1) < 1e-3, "\(bits) bits")
            #expect(after[index] < 0.8 * before[index])
        }
        let plain = try data.quantize(feedback: feedback, set: .scalar)
        #expect(plain.planes == packed.planes && plain.tables.map(\.entries) == packed.tables.map(\.entries))
        #expect(plain.tables.map(\.scales) == packed.tables.map(\.scales))
    }

    @Test func partsOfALayerComeOutAsInTheWhole() throws {
        let data = Case()
        let whole = try data.quantize(feedback: true)
        let pool = try ThreadPool(threadCount: 1)
        let hessian = try LayerHessian(
            data.hessian, columns: data.columns, joint: JointSettings(), pool: pool, place: "test")
        func part(_ rows: Range<Int>, _ weights: [Float]) throws(TaperError) -> PackedMatrix {
            try quantizeJoint(
                name: "w", weights: weights, firstRow: rows.lowerBound, rows: rows.count, columns: data.columns,
                hessians: [RowHessian(rows: 0..<rows.count, hessian: hessian)],
                settings: NestedSettings(precisions: [2, 3, 4], seedBits: 2), joint: JointSettings(), pool: pool)
        }
        for rows in [0..<5, 5..<19] {
            let range = rows.lowerBound * data.columns..<rows.upperBound * data.columns
            let own = try part(rows, Array(data.weights[range]))
            for bits in [2, 3, 4] {
                #expect(own.dequantized(bits: bits) == Array(whole.dequantized(bits: bits)[range]))
            }
        }
        let error = #expect(throws: TaperError.self) {
            try part(5..<6, [Float](repeating: .nan, count: data.columns))
        }
        #expect(error?.what == "weight \(5 * data.columns) is not finite")
    }

    @Test func theSameBytesForAnyNumberOfThreads() throws {
        let data = Case()
        let (one, three) = (
            try data.quantize(feedback: true, threads: 1), try data.quantize(feedback: true, threads: 3)
        )
        #expect(one.planes == three.planes)
        for (a, b) in zip(one.tables, three.tables) { #expect(a.entries == b.entries && a.scales == b.scales) }
    }

    /// Powers of two are units: sums of very large and very small weights must not leave single precision.
    @Test(arguments: [0x1p100, 0x1p-100]) func rowsOfAnyMagnitudeGetTheSameCodes(unit: Float) throws {
        let plain = try Case().quantize(feedback: true)
        var data = Case()
        data.weights = data.weights.map { $0 * unit }
        let scaled = try data.quantize(feedback: true)
        #expect(scaled.planes == plain.planes)
        for (a, b) in zip(scaled.tables, plain.tables) {
            #expect(a.entries == b.entries)
            #expect(a.scales == b.scales.map { $0 * unit })
        }
    }

    /// Whatever the inputs were: none, all the same, or one channel only.
    @Test(arguments: [0, 1, 2], [false, true]) func rowsOfOneValueComeBack(inputs: Int, feedback: Bool) throws {
        var data = Case()
        let columns = data.columns
        data.hessian = (0..<columns * columns).map { index in
            let isDiagonal = index % (columns + 1) == 0
            return inputs == 0 ? 0 : inputs == 1 ? 1 : isDiagonal && index / columns == 5 ? 3 : 0
        }
        let values: [Float] = [0, 0.4375, -0.1, 3e38, 1e-38, -1e-42]
        for row in 0..<data.rows {
            for column in 0..<columns { data.weights[row * columns + column] = values[row % values.count] }
        }
        let packed = try data.quantize(feedback: feedback)
        for bits in [2, 3, 4] {
            for (found, expected) in zip(packed.dequantized(bits: bits), data.weights) {
                #expect(abs(found - expected) <= abs(expected) * 1e-6 + 1e-43)
            }
        }
    }
}
