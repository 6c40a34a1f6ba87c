internal import CQuantization
public import Kernels
public import Storage

/// What the nested quantizer makes of a matrix.
public struct NestedSettings: Equatable, Sendable {
    /// Ascending, each 2 to 8; every one gets a table of centroids per row.
    public var precisions: [Int]
    /// Bits of the first clustering; lower precisions merge its clusters, higher ones split them.
    public var seedBits: Int

    public init(precisions: [Int], seedBits: Int) {
        self.precisions = precisions
        self.seedBits = seedBits
    }

    func check(name: String) throws(TaperError) {
        guard let bits = precisions.last, precisions.allSatisfy({ BitWidth.isNested($0) }),
            (BitWidth.nested.lowerBound...bits).contains(seedBits)
        else { throw TaperError(.usage, name + ": precisions and seed must be 2 to 8, the seed at most the highest") }
    }
}

/// - Parameter first: what the tensor has before these.
/// - Throws: `badData` naming the first weight that is not finite.
func checkFinite(name: String, weights: [Float], first: Int) throws(TaperError) {
    guard let bad = weights.firstIndex(where: { !$0.isFinite }) else { return }
    throw TaperError(
        .badData, "weight " + String(first + bad) + " is not finite", at: "tensor " + name,
        remedy: "The checkpoint is damaged; \(field("allow_nonfinite")) reads such weights as zero")
}

/// - Throws: `badData` when a weight of an error is not finite.
func checkImportance(_ values: [Float], place: String) throws(TaperError) {
    guard let bad = values.first(where: { !$0.isFinite }) else { return }
    throw TaperError(
        .badData, "what errors count is not finite on the calibration text", at: place, found: String(bad),
        remedy:
            "A weight or an activation is beyond single precision; the effort fast without calibration text needs none")
}

/// Quantizes W, [rows, columns], to nested codes with a centroid table per row and precision.
///
/// Each row is clustered by weighted k-means at the seed precision and its clusters split in two, optimally, for every
/// further bit; a precision's centroids are the weighted means of its clusters (Any-Precision LLM, arXiv 2402.10517,
/// section 4.2, with sensitivity in place of squared gradients), rounded to bytes with a scale per row.
///
/// - Parameters:
///   - firstRow: of the tensor among these; a part of it comes out as it does in the whole.
///   - sensitivity: weight of each column's squared error, [columns], or of each element, [rows * columns].
/// - Throws: `badData` naming the first weight that is not finite, or when a sensitivity is not.
/// - Returns: the same bytes for any number of threads.
public func quantizeNested(
    name: String, weights: [Float], firstRow: Int = 0, rows: Int, columns: Int, sensitivity: [Float],
    settings: NestedSettings, pool: ThreadPool
) throws(TaperError) -> PackedMatrix {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    precondition(sensitivity.count == columns || sensitivity.count == weights.count, "sensitivity does not match")
    try settings.check(name: name)
    try checkFinite(name: name, weights: weights, first: firstRow * columns)
    try checkImportance(sensitivity, place: "sensitivity of " + name)
    let bits = settings.precisions.last ?? 2
    let perElement = sensitivity.count == weights.count && rows > 1
    var codes = [UInt8](repeating: 0, count: weights.count)
    let tables = TableBuilder(precisions: settings.precisions, rows: rows)
    let parts = min(rows, pool.threadCount * 16)
    let scratchBytes = cq_scratch_bytes(Int32(columns), Int32(bits))
    weights.withUnsafeBufferPointer { weights in
        sensitivity.withUnsafeBufferPointer { sensitivity in
            codes.withUnsafeMutableBufferPointer { codes in
                guard let weightBase = weights.baseAddress, let importanceBase = sensitivity.baseAddress,
                    let codeBase = codes.baseAddress
                else { return }
                pool.run(parts) { part in
                    let scratch = UnsafeMutableRawPointer.allocate(byteCount: scratchBytes + 64, alignment: 64)
                    defer { scratch.deallocate() }
                    var centroids = [Float](repeating: 0, count: (2 << bits) - 4)
                    for row in rows * part / parts..<rows * (part + 1) / parts {
                        let start = row * columns
                        let importance = importanceBase + (perElement ? start : 0)
                        cq_quantize_row(
                            weightBase + start, importance, Int32(columns), Int32(settings.seedBits), Int32(bits),
                            codeBase + start, &centroids, scratch)
                        tables.set(
                            row: row, centroids: centroids, codes: codeBase + start, importance: importance,
                            columns: columns)
                    }
                }
            }
        }
    }
    return PackedMatrix(
        name: name, rows: rows, columns: columns, bits: bits,
        planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits), tables: tables.finish())
}
