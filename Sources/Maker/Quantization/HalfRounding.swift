public import Kernels
public import Storage

/// Rounds W, [rows, columns], to half precision, the bundle's precision 16.
/// - Throws: `badData` naming the first weight that is not finite or beyond 65504, the largest half.
public func roundToHalf(
    name: String, weights: [Float], rows: Int, columns: Int, pool: ThreadPool
) throws(TaperError) -> PackedHalf {
    try checkHalfRange(name: name, weights: weights)
    return PackedHalf(
        name: name, rows: rows, columns: columns,
        values: HalfLayout.pack(weights, rows: rows, columns: columns, pool: pool))
}

/// - Throws: as `roundToHalf`, before the work; and for a matrix so small that halves would lose it.
public func checkHalfRange(name: String, weights: [Float]) throws(TaperError) {
    try checkHalfSize(name: name, weights: weights)
    guard let bad = weights.firstIndex(where: { !($0.magnitude <= HalfLayout.largest) }) else { return }
    guard weights[bad].isFinite else {
        throw TaperError(.badData, "weight " + String(bad) + " is not finite", at: "tensor " + name)
    }
    throw TaperError(
        .badData, "weight " + String(bad) + " does not fit half precision", at: "tensor " + name,
        expected: "a magnitude of at most 65504", found: String(weights[bad]),
        remedy: "Leave 16 out of the precisions")
}

/// Below 2^-14 halves lie 2^-24 apart, so rounding moves a weight by about 2^-26: a 256th of 2^-18.
private func checkHalfSize(name: String, weights: [Float]) throws(TaperError) {
    var square = 0.0
    for weight in weights { square += Double(weight) * Double(weight) }
    let size = (square / Double(max(weights.count, 1))).squareRoot()
    guard size > 0, size < 0x1p-18 else { return }
    throw TaperError(
        .badData, "the weights are too small for half precision", at: "tensor " + name,
        expected: "a root mean square of at least 2^-18, or all zero", found: "\(Float(size))",
        remedy: "Leave 16 out of the precisions")
}

extension PackedHalf {
    /// The weights as the kernels see them, [rows * columns].
    public func dequantized() -> [Float] {
        var out = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let bits = values[NestedLayout.byteOffset(row: row, column: column, columns: columns)]
                out[row * columns + column] = floatFromHalf(bits)
            }
        }
        return out
    }
}
