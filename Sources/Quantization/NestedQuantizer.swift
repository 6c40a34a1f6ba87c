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
}

/// Quantizes W, [rows, columns], to nested codes with a centroid table per row and precision.
///
/// Each row is clustered by weighted k-means at the seed precision and its clusters split in two, optimally, for every
/// further bit; a precision's centroids are the weighted means of its clusters (Any-Precision LLM, arXiv 2402.10517,
/// section 4.2, with sensitivity in place of squared gradients), rounded to bytes with a scale per row.
///
/// - Parameter sensitivity: weight of each column's squared error, [columns], or of each element, [rows * columns].
/// - Throws: `badData` naming the first weight that is not finite.
/// - Returns: the same bytes for any number of threads.
public func quantizeNested(
    name: String, weights: [Float], rows: Int, columns: Int, sensitivity: [Float], settings: NestedSettings,
    pool: ThreadPool
) throws(TaperError) -> PackedMatrix {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    precondition(sensitivity.count == columns || sensitivity.count == weights.count, "sensitivity does not match")
    guard let bits = settings.precisions.last, settings.precisions.allSatisfy({ (2...8).contains($0) }),
        (2...bits).contains(settings.seedBits)
    else { throw TaperError(.usage, name + ": precisions and seed must be 2 to 8, the seed at most the highest") }
    let perElement = sensitivity.count == weights.count && rows > 1
    var codes = [UInt8](repeating: 0, count: weights.count)
    let paddedRows = NestedLayout.paddedRows(rows)
    var tables = settings.precisions.map { precision in
        PackedTable(
            bits: precision, entries: [UInt8](repeating: 128, count: paddedRows << precision),
            scales: [Float](repeating: 0, count: paddedRows))
    }
    // Natural code order to the order in which the kernels look centroids up.
    let order = settings.precisions.map { precision in
        (0..<1 << precision).map { NestedLayout.tableIndex(ofPrefix: $0, bits: precision) }
    }
    let parts = min(rows, pool.threadCount * 16)
    var firstBad = [Int](repeating: -1, count: parts)
    let scratchBytes = cq_scratch_bytes(Int32(columns), Int32(bits))
    withTablePointers(&tables) { pointers in
        weights.withUnsafeBufferPointer { weights in
            sensitivity.withUnsafeBufferPointer { sensitivity in
                codes.withUnsafeMutableBufferPointer { codes in
                    firstBad.withUnsafeMutableBufferPointer { firstBad in
                        guard let weightBase = weights.baseAddress, let importanceBase = sensitivity.baseAddress,
                            let codeBase = codes.baseAddress, let badBase = firstBad.baseAddress
                        else { return }
                        pool.run(parts) { part in
                            let scratch = UnsafeMutableRawPointer.allocate(byteCount: scratchBytes + 64, alignment: 64)
                            defer { scratch.deallocate() }
                            var centroids = [Float](repeating: 0, count: (2 << bits) - 4)
                            var mass = [Double](repeating: 0, count: 1 << bits)
                            var entries = [UInt8](repeating: 0, count: 1 << bits)
                            for row in rows * part / parts..<rows * (part + 1) / parts {
                                let start = row * columns
                                for column in 0..<columns where !weightBase[start + column].isFinite {
                                    if badBase[part] < 0 { badBase[part] = start + column }
                                }
                                if badBase[part] >= 0 { return }
                                let importance = importanceBase + (perElement ? start : 0)
                                cq_quantize_row(
                                    weightBase + start, importance, Int32(columns), Int32(settings.seedBits),
                                    Int32(bits), codeBase + start, &centroids, scratch)
                                for (index, precision) in settings.precisions.enumerated() {
                                    let count = 1 << precision
                                    cq_cluster_mass(
                                        codeBase + start, importance, Int32(columns), Int32(bits), Int32(precision),
                                        &mass)
                                    let scale = centroids.withUnsafeBufferPointer { values in
                                        values.baseAddress.map {
                                            cq_round_table($0 + count - 4, mass, Int32(count), &entries)
                                        } ?? 0
                                    }
                                    pointers[index].scales[row] = scale
                                    let table = pointers[index].entries + row * count
                                    for code in 0..<count { table[order[index][code]] = entries[code] }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    if let bad = firstBad.first(where: { $0 >= 0 }) {
        throw TaperError(
            .badData, "weight " + String(bad) + " is not finite", at: "tensor " + name,
            remedy: "The checkpoint is damaged; --allow-nonfinite reads such weights as zero")
    }
    return PackedMatrix(
        name: name, rows: rows, columns: columns, bits: bits,
        planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits), tables: tables)
}

private struct TablePointers {
    let entries: UnsafeMutablePointer<UInt8>
    let scales: UnsafeMutablePointer<Float>
}

/// Lends the storage of all tables at once. Rows are written by one thread each, so no two threads share an element.
private func withTablePointers(_ tables: inout [PackedTable], _ body: ([TablePointers]) -> Void) {
    var pointers: [TablePointers] = []
    for table in tables {
        let entries = UnsafeMutablePointer<UInt8>.allocate(capacity: table.entries.count)
        entries.initialize(repeating: 128, count: table.entries.count)
        let scales = UnsafeMutablePointer<Float>.allocate(capacity: table.scales.count)
        scales.initialize(repeating: 0, count: table.scales.count)
        pointers.append(TablePointers(entries: entries, scales: scales))
    }
    body(pointers)
    for index in tables.indices {
        let (entryCount, scaleCount) = (tables[index].entries.count, tables[index].scales.count)
        tables[index].entries = Array(UnsafeBufferPointer(start: pointers[index].entries, count: entryCount))
        tables[index].scales = Array(UnsafeBufferPointer(start: pointers[index].scales, count: scaleCount))
        pointers[index].entries.deallocate()
        pointers[index].scales.deallocate()
    }
}
