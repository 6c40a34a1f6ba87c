import Bundle
import Kernels
import Storage

extension HeadScreenDraft {
    /// Takes the leading bits of a head as a code of their own, and what they leave out along `basis`, which is there, and beside it.
    ///
    /// A row's centroids are the means of its weights with equal leading bits. The rest's deviation is measured on states; where the
    /// head serves lower precisions it grows by as much as the error does.
    ///
    /// - Parameters:
    ///   - head: nested, with more than `shape.leadBits` bits.
    ///   - states: outside the basis and of length 1, [count][columns].
    ///   - rest: root mean square of states' lengths outside the basis.
    /// - Returns: false where a number is not finite in single precision: then it is no screen.
    func fill(
        from head: WeightMatrix, states: [Float], rest: Float, pool: ThreadPool, update: (Double) -> Void
    ) throws(TaperError) -> Bool {
        guard case .nested(let matrix) = head.encoding, let highest = head.precisions.last else {
            throw TaperError(.internalFault, "only a head in nested codes has a screen")
        }
        let levels = 1 << shape.leadBits
        // A table of which every entry is its own index reads codes as weights.
        let table = try MemoryBlock(
            byteCount: shape.paddedRows * (4 + levels), purpose: "the codes of the head", remedy: "Use a smaller model")
        let ones = table.values(Float.self, count: shape.paddedRows)
        let indices = table.values(UInt8.self, at: 4 * shape.paddedRows, count: shape.paddedRows * levels)
        ones.update(repeating: 1, count: shape.paddedRows)
        for index in 0..<shape.paddedRows * levels { indices[index] = UInt8(128 + index % levels) }
        let codes = WeightMatrix(
            .nested(
                NestedMatrix(
                    rows: shape.rows, columns: shape.columns, planes: matrix.planes,
                    tables: [NestedMatrix.Table(bits: shape.leadBits, entries: indices, scales: ones)])))
        let piece = HeadScreenCost.piece
        let stateCount = states.count / shape.columns
        precondition(stateCount > 0, "deviations are measured on states")
        let activations = ActivationBuffer(maxTokens: stateCount, maxColumns: shape.columns)
        states.withUnsafeBufferPointer {
            if let base = $0.baseAddress { activations.hold(base, tokens: stateCount, columns: shape.columns) }
        }
        var errors = [Float](repeating: 0, count: min(piece, shape.rows) * shape.columns)
        var products = [Float](repeating: 0, count: min(piece, shape.rows) * stateCount)
        for start in stride(from: 0, to: shape.rows, by: piece) {
            try Interrupt.check("Run the same command again to go on")
            let count = min(piece, shape.rows - start)
            let parts = min(count, pool.threadCount * 8)
            errors.withUnsafeMutableBufferPointer { errors in
                let errors = errors
                pool.run(parts) { part in
                    var row = HeadRow(
                        head, codes, highest: highest, levels: levels, basis: basis, units: units, rest: rest,
                        directions: shape.directions, pool: pool)
                    for index in start + count * part / parts..<start + count * (part + 1) / parts {
                        row.take(index)
                        scales[index] = row.scale
                        for level in 0..<levels { entries[index * levels + level] = row.entries[level] }
                        deviations[index] = row.growth
                        projectionScales[index] = row.projectionScale
                        for column in 0..<shape.columns {
                            errors[(index - start) * shape.columns + column] = row.error[column]
                        }
                        for direction in 0..<shape.directions {
                            projections[projectionIndex(row: index, direction: direction)] = row.projections[direction]
                        }
                    }
                }
            }
            products.withUnsafeMutableBufferPointer { products in
                guard let base = products.baseAddress else { return }
                let half = HalfLayout.pack(
                    Array(errors[..<(count * shape.columns)]), rows: count, columns: shape.columns, pool: pool)
                half.withUnsafeBufferPointer { half in
                    let matrix = WeightMatrix(
                        .nested(
                            NestedMatrix(
                                rows: count, columns: shape.columns, planes: [], tables: [], half: half.baseAddress)))
                    multiply(
                        Product(matrix, bits: BitWidth.half, output: base), nil, nil, activations, pool: pool)
                }
                for row in 0..<count {
                    var sum = 0.0
                    for state in 0..<stateCount {
                        sum += Double(base[state * count + row]) * Double(base[state * count + row])
                    }
                    deviations[start + row] *= Float((sum / Double(stateCount)).squareRoot())
                }
            }
            withExtendedLifetime(table) {}
            update(Double(start + count) / Double(shape.rows))
        }
        return (0..<shape.rows).allSatisfy {
            deviations[$0].isFinite && scales[$0].isFinite && projectionScales[$0].isFinite
        }
    }
}

/// One row of a head at work.
private struct HeadRow {
    private let head: WeightMatrix
    private let codes: WeightMatrix
    private let highest: Int
    private let basis, units: UnsafePointer<Float>
    private let rest: Float
    private let pool: ThreadPool
    private var weights, indices: [Float]
    /// Of the leading bits, at the highest precision.
    private(set) var error: [Float]
    private(set) var scale: Float = 0
    private(set) var entries: [UInt8]
    /// What the error of a lower precision is to that of the highest, at most.
    private(set) var growth: Float = 1
    private(set) var projections: [Int8]
    private(set) var projectionScale: Float = 0

    init(
        _ head: WeightMatrix, _ codes: WeightMatrix, highest: Int, levels: Int, basis: UnsafePointer<Float>,
        units: UnsafePointer<Float>, rest: Float, directions: Int, pool: ThreadPool
    ) {
        self.head = head
        self.codes = codes
        self.highest = highest
        self.basis = basis
        self.units = units
        self.rest = rest
        self.pool = pool
        weights = [Float](repeating: 0, count: head.columns)
        indices = weights
        error = weights
        entries = [UInt8](repeating: 128, count: levels)
        projections = [Int8](repeating: 0, count: directions)
    }

    mutating func take(_ row: Int) {
        read(row, codes, codes.precisions[0], into: &indices)
        read(row, head, highest, into: &weights)
        fitTable()
        let lower = head.precisions.dropLast().map { bits in
            var other = [Float](repeating: 0, count: weights.count)
            read(row, head, bits, into: &other)
            return other
        }
        subtractLead(from: weights)
        project()
        let own = deviationOfError()
        growth = 1
        for other in lower {
            subtractLead(from: other)
            if own > 0 { growth = max(growth, deviationOfError() / own) }
        }
        if !lower.isEmpty { subtractLead(from: weights) }
    }

    private func read(_ row: Int, _ matrix: WeightMatrix, _ bits: Int, into values: inout [Float]) {
        values.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            matrix.dequantizeRow(row, bits: bits, into: base, pool: pool)
        }
    }

    private mutating func fitTable() {
        var sums = [Double](repeating: 0, count: entries.count)
        var counts = [Int](repeating: 0, count: entries.count)
        for column in weights.indices {
            let index = Int(indices[column])
            sums[index] += Double(weights[column])
            counts[index] += 1
        }
        let centroids = zip(sums, counts).map { $1 == 0 ? 0 : Float($0 / Double($1)) }
        let largest = centroids.reduce(0) { max($0, $1.magnitude) }
        scale = largest / 127
        for (index, centroid) in centroids.enumerated() {
            entries[index] = UInt8(128 + Self.whole(centroid, of: scale))
        }
    }

    private mutating func subtractLead(from weights: [Float]) {
        for column in weights.indices {
            error[column] = weights[column] - Float(Int(entries[Int(indices[column])]) - 128) * scale
        }
    }

    /// A value in units, -127 to 127: of denormal units there are fewer than it was divided by.
    private static func whole(_ value: Float, of unit: Float) -> Int {
        let units = (value / unit).rounded()
        return units.isNaN ? 0 : Int(max(-127, min(127, units)))
    }

    private func along(_ direction: Int) -> Float {
        error.withUnsafeBufferPointer { error in
            guard let base = error.baseAddress else { return 0 }
            return HeadScreen.dot(base, basis + direction * error.count, error.count)
        }
    }

    private mutating func project() {
        let all = projections.indices.map { along($0) * units[$0] }
        projectionScale = all.reduce(0) { max($0, $1.magnitude) } / 127
        for (direction, value) in all.enumerated() {
            projections[direction] = Int8(Self.whole(value, of: projectionScale))
        }
    }

    /// Of what the projections leave of the error, per unit of a state's length outside the basis. Along the basis states are of
    /// another size.
    private func deviationOfError() -> Float {
        var outside = error.reduce(0) { $0 + Double($1) * Double($1) }
        var along = 0.0
        for direction in projections.indices {
            let own = Double(self.along(direction))
            let missed = own - Double(projections[direction]) * Double(projectionScale / units[direction])
            outside -= own * own
            along += missed * missed * Double(units[direction]) * Double(units[direction])
        }
        let isotropic = max(0, outside) / Double(max(1, error.count - projections.count))
        return Float((isotropic + (rest > 0 ? along / Double(rest * rest) : 0)).squareRoot())
    }
}
