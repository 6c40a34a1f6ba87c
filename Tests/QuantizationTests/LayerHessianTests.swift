import Kernels
import Quantization
import Storage
import Testing

@Suite struct LayerHessianTests {
    /// X^T X of random rows whose columns have something in common.
    private static func hessian(_ columns: Int, rows: Int) -> [Float] {
        var state: UInt64 = 11
        func unit() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(state >> 33)) / Float(1 << 30) - 1
        }
        var sum = [Float](repeating: 0, count: columns * columns)
        for _ in 0..<rows {
            let common = unit()
            let x = (0..<columns).map { _ in unit() + 0.7 * common }
            for i in 0..<columns { for j in 0..<columns { sum[i * columns + j] += x[i] * x[j] / Float(rows) } }
        }
        return sum
    }

    private static func all(_ columns: Int, _ element: (Int, Int) -> Float) -> [Float] {
        (0..<columns * columns).map { element($0 / columns, $0 % columns) }
    }

    /// H = A D A^T with ones on A's diagonal determines both; D follows from the last column to the first.
    @Test(arguments: [1, 16, 31, 32, 33, 63, 64, 65, 150])
    func feedbackIsTheFactorOfTheDampedHessian(columns: Int) throws {
        let joint = JointSettings()
        let own = try LayerHessian(
            Self.hessian(columns, rows: 2 * columns), columns: columns, joint: joint,
            pool: try ThreadPool(threadCount: 3), place: "test")
        func factor(_ row: Int, _ column: Int) -> Double {
            row == column ? 1 : column > row ? Double(own.feedback(row, column)) : 0
        }
        var pivots = [Double](repeating: 0, count: columns)
        for k in (0..<columns).reversed() {
            pivots[k] = Double(own.value(k, k))
            for j in k + 1..<max(columns, k + 1) { pivots[k] -= factor(k, j) * factor(k, j) * pivots[j] }
            #expect(pivots[k] > 0)
        }
        let largest = (0..<columns).map { Double(own.value($0, $0)) }.max() ?? 0
        for i in 0..<columns {
            #expect((0...i).allSatisfy { own.feedback(i, $0) == 0 })
            for k in 0...i {
                let product = (i..<columns).reduce(0.0) { $0 + factor(i, $1) * pivots[$1] * factor(k, $1) }
                #expect(abs(product - Double(own.value(i, k))) < 1e-4 * largest, "\(i) \(k)")
            }
        }
    }

    @Test func theSameFactorForAnyNumberOfThreads() throws {
        let values = Self.hessian(150, rows: 200)
        let factors = try [1, 4].map {
            let own = try LayerHessian(
                values, columns: 150, joint: JointSettings(), pool: try ThreadPool(threadCount: $0), place: "test")
            return Self.all(150, own.feedback)
        }
        #expect(factors[0] == factors[1])
    }

    @Test func noActivationsMeanThatAllColumnsCountAlike() throws {
        let own = try LayerHessian(
            [Float](repeating: 0, count: 9), columns: 3, joint: JointSettings(), pool: try ThreadPool(threadCount: 1),
            place: "test")
        for row in 0..<3 {
            for column in 0..<3 { #expect(own.value(row, column) == (row == column ? 1 : 0)) }
        }
        #expect(Self.all(3, own.feedback).allSatisfy { $0 == 0 })
    }

    @Test(arguments: [Float.nan, .infinity])
    func weightsThatAreNotFiniteAreRefused(value: Float) throws {
        var values = Self.hessian(20, rows: 30)
        values[21] = value
        #expect(throws: TaperError(.badData, "")) {
            try LayerHessian(
                values, columns: 20, joint: JointSettings(), pool: try ThreadPool(threadCount: 1), place: "test")
        }
    }

    /// A power of two more or less is another unit, no other problem.
    @Test(arguments: [0x1p80, 0x1p-80]) func theUnitOfTheInputsDoesNotMatter(unit: Float) throws {
        let values = Self.hessian(33, rows: 50)
        let pool = try ThreadPool(threadCount: 1)
        let plain = try LayerHessian(values, columns: 33, joint: JointSettings(), pool: pool, place: "test")
        let other = try LayerHessian(
            values.map { $0 * unit }, columns: 33, joint: JointSettings(), pool: pool, place: "test")
        #expect(Self.all(33, other.feedback) == Self.all(33, plain.feedback))
        let factor = other.value(0, 0) / plain.value(0, 0)
        #expect((0x1p-60...0x1p60).contains(other.value(0, 0)) && factor.significand == 1)
        #expect(zip(Self.all(33, other.value), Self.all(33, plain.value)).allSatisfy { $0 == $1 * factor })
    }
}
