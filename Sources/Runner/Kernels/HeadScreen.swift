internal import CKernels
import Storage

/// What the leading bits of a head leave out of its logits, row by row: with it the leading bits of all rows and a few rows in
/// full give the largest logits.
///
/// Let E be the head less its leading bits. A row's part of E along a few directions of the states is kept, as bytes; what is
/// left of its product with a state x then behaves as chance, of deviation `deviations[row]` times the length of x outside these
/// directions. Pointers are borrowed.
public struct HeadScreen {
    /// Rows that `projections` and `deviations` are padded to.
    public static let rowBlock = 16
    /// Directions, at most.
    public static let directionLimit = 64

    /// Rows that can be asked for by name, at most.
    public static let rowLimit = 256

    /// How it did on tokens that nothing of it was made from.
    public struct Evidence: Equatable, Sendable {
        public var tokens = 0
        /// Rows among a token's 64 likeliest that would have been missed.
        public var misses = 0
        /// Deviations by which one of them was underestimated at most.
        public var largest: Float = 0
        /// Rows of tiles read in full for a token's likeliest, and for its 40 likeliest: means.
        public var tileRowsForOne: Float = 0
        public var tileRowsForForty: Float = 0

        public init() {}
    }

    /// All rows of the head in their leading bits; tables of its own.
    public let lead: WeightMatrix
    /// Orthonormal, [directions][columns].
    public let basis: UnsafePointer<Float>
    public let directions: Int
    /// Root mean squares of states along the directions: the unit of coefficients. [directions]
    public let units: UnsafePointer<Float>
    /// [rows / 16, rounded up][directions][16], in units of `scales`, [rows, padded to 16].
    public let projections: UnsafePointer<Int8>
    public let scales: UnsafePointer<Float>
    /// [rows, padded to 16].
    public let deviations: UnsafePointer<Float>
    /// Deviations by which a row may be underestimated.
    public let margin: Float
    public let evidence: Evidence

    public init(
        lead: WeightMatrix, basis: UnsafePointer<Float>, directions: Int, units: UnsafePointer<Float>,
        projections: UnsafePointer<Int8>, scales: UnsafePointer<Float>, deviations: UnsafePointer<Float>, margin: Float,
        evidence: Evidence
    ) {
        precondition((0...HeadScreen.directionLimit).contains(directions), "too many directions")
        self.lead = lead
        self.basis = basis
        self.directions = directions
        self.units = units
        self.projections = projections
        self.scales = scales
        self.deviations = deviations
        self.margin = margin
        self.evidence = evidence
    }

    public var rows: Int { lead.rows }
    public var columns: Int { lead.columns }
    public var leadBits: Int { lead.precisions[0] }

    /// Bytes that scoring all rows reads, the basis included.
    public var bytesRead: Int {
        lead.bytesRead(bits: leadBits) + 4 * directions * columns
            + roundedUp(rows, to: HeadScreen.rowBlock) * (directions + 8)
    }

    /// Logits that can be wanted at most: beyond, most rows would be read.
    public static func leadingLimit(rows: Int) -> Int {
        min(256, NestedLayout.paddedRows(rows) / NestedLayout.tileRows / 8)
    }

    /// Bytes that a decode step reads on average for so many of the largest logits of each state, by the evidence.
    public func expectedBytes(of head: WeightMatrix, bits: Int, leading: Int, states: Int = 1) -> Int {
        let all = NestedLayout.paddedRows(rows) / NestedLayout.tileRows
        // A second one costs nearly as much as forty do.
        let tileRows = leading == 1 ? evidence.tileRowsForOne : evidence.tileRowsForForty
        return bytesRead + states * Int(Double(tileRows) * Double(head.bytesRead(bits: bits)) / Double(all))
    }

    var view: ck_screen_t {
        ck_screen_t(
            projections: projections, scales: scales, deviations: deviations, directions: Int32(directions),
            rows: Int32(rows))
    }

    /// A state's coefficients along the basis, in `units`, and its length outside of it.
    public func split(_ state: UnsafePointer<Float>) -> (coefficients: [Float], rest: Float) {
        var left = HeadScreen.dot(state, state, columns)
        var coefficients: [Float] = []
        coefficients.reserveCapacity(directions)
        for direction in 0..<directions {
            let coefficient = HeadScreen.dot(state, basis + direction * columns, columns)
            coefficients.append(coefficient / units[direction])
            left -= coefficient * coefficient
        }
        // What is no number stays none.
        return (coefficients, left < 0 ? 0 : left.squareRoot())
    }

    /// In sixteen lanes, in one order for every instruction set.
    public static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        typealias Lanes = SIMD16<Float>
        var sum = Lanes()
        var index = 0
        while index + 16 <= count {
            sum +=
                UnsafeRawPointer(a + index).loadUnaligned(as: Lanes.self)
                * UnsafeRawPointer(b + index).loadUnaligned(as: Lanes.self)
            index += 16
        }
        var lane = 0
        while index < count {
            sum[lane] += a[index] * b[index]
            index += 1
            lane += 1
        }
        let eight = sum.lowHalf + sum.highHalf
        let four = eight.lowHalf + eight.highHalf
        return (four[0] + four[2]) + (four[1] + four[3])
    }
}
