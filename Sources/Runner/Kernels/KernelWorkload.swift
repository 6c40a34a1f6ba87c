public import Storage

/// Random weights of some matrices of a transformer block, at several precisions and in so many copies that no cache holds
/// what one pass over them reads: what a benchmark of the decode products runs on. Speed does not depend on the values.
public final class KernelWorkload {
    /// Matrices that share their input, at most three.
    public struct Group: Sendable {
        public let rows: [Int]
        public let columns: Int
        public init(rows: [Int], columns: Int) {
            self.rows = rows
            self.columns = columns
        }
    }
    private let groups: [Group]
    private let memory: MemoryBlock
    /// [copy][group][matrix]; a copy serves the precisions whose pass reaches it.
    private var copies: [[[WeightMatrix]]] = []
    private let passCopies: [(bits: Int, count: Int)]
    private let activations: ActivationBuffer
    private let input: UnsafeMutablePointer<Float>
    private let output: UnsafeMutablePointer<Float>

    /// - Parameters:
    ///   - precisions: ascending, each 2 to 8 or 16.
    ///   - bytesPerPass: what one pass reads at least, at every precision.
    /// - Throws: `inputOutput` when there is not enough memory.
    public init(groups: [Group], precisions: [Int], bytesPerPass: Int, pool: ThreadPool) throws(TaperError) {
        precondition(groups.allSatisfy { (1...3).contains($0.rows.count) }, "a group has one to three matrices")
        self.groups = groups
        let passes = precisions.map { bits in
            let each = max(
                1,
                groups.reduce(0) { total, group in
                    group.rows.reduce(total) {
                        $0 + WeightMatrix.bytesRead(rows: $1, columns: group.columns, bits: bits)
                    }
                })
            return (bits: bits, count: max(1, (bytesPerPass + each - 1) / each))
        }
        passCopies = passes
        // As in a bundle: one section per plane, per precision's tables, and for half precision, all copies in each.
        var sections: [(name: Section, copies: Int, offsets: [Int])] = []
        var end = 0
        func add(_ name: Section, copies: Int, _ byteCount: (Int, Int) -> Int) {
            var offsets: [Int] = []
            for _ in 0..<copies {
                for group in groups {
                    for rows in group.rows {
                        offsets.append(end)
                        end += roundedUp(byteCount(rows, group.columns), to: 64)
                    }
                }
            }
            sections.append((name, copies, offsets))
        }
        for pass in passes where BitWidth.isNested(pass.bits) {
            // Higher precisions go through fewer copies, so this precision says how many have its planes.
            let held = sections.reduce(0) { if case .plane = $1.name { $0 + 1 } else { $0 } }
            for plane in held..<NestedLayout.planeCount(bits: pass.bits) {
                add(.plane(plane), copies: pass.count) {
                    NestedLayout.planeByteCount(rows: $0, columns: $1, plane: plane)
                }
            }
            add(.entries(pass.bits), copies: pass.count) { rows, _ in NestedLayout.paddedRows(rows) << pass.bits }
            add(.scales(pass.bits), copies: pass.count) { rows, _ in NestedLayout.paddedRows(rows) * 4 }
        }
        for pass in passes where pass.bits == BitWidth.half {
            add(.half, copies: pass.count) { HalfLayout.byteCount(rows: $0, columns: $1) }
        }
        memory = try MemoryBlock(
            byteCount: roundedUp(end, to: KernelWorkload.block), purpose: "random weights",
            remedy: "Ask for fewer bytes per pass")
        let width = groups.map { $0.columns }.max() ?? 1
        activations = ActivationBuffer(maxTokens: 1, maxColumns: width)
        input = .allocate(capacity: width)
        for index in 0..<width { input[index] = Float(index * 7919 % 2001 - 1000) / 1000 }
        let height = groups.map { $0.rows.reduce(0, +) }.max() ?? 1
        output = .allocate(capacity: height)
        output.initialize(repeating: 0, count: height)
        fill(pool)

        let perCopy = groups.reduce(0) { $0 + $1.rows.count }
        for copy in 0..<(passes.map { $0.count }.max() ?? 0) {
            var place = copy * perCopy
            var made: [[WeightMatrix]] = []
            for group in groups {
                var matrices: [WeightMatrix] = []
                for rows in group.rows {
                    let held = sections.filter { copy < $0.copies }.map { (name: $0.name, offset: $0.offsets[place]) }
                    matrices.append(matrix(rows, group.columns, held))
                    place += 1
                }
                made.append(matrices)
            }
            copies.append(made)
        }
    }

    deinit {
        input.deallocate()
        output.deallocate()
    }

    private enum Section { case plane(Int), entries(Int), scales(Int), half }

    /// Random bytes are made in blocks of this size, each from its own seed, whatever the number of threads.
    private static let block = 1 << 20

    private func fill(_ pool: ThreadPool) {
        let base = memory.base
        pool.run(memory.byteCount / KernelWorkload.block) { part in
            var random = SplitMix64(state: UInt64(part))
            let words = (base + part * KernelWorkload.block).assumingMemoryBound(to: UInt64.self)
            for index in 0..<KernelWorkload.block / 8 { words[index] = random.next() }
        }
    }

    /// The parts of one matrix, made valid: finite scales and halves of ordinary size.
    private func matrix(_ rows: Int, _ columns: Int, _ parts: [(name: Section, offset: Int)]) -> WeightMatrix {
        var planes: [UnsafePointer<UInt8>] = []
        var tables: [NestedMatrix.Table] = []
        var entries = UnsafePointer(memory.base.assumingMemoryBound(to: UInt8.self))
        var half: UnsafePointer<UInt16>?
        for part in parts {
            let start = memory.base + part.offset
            switch part.name {
            case .plane: planes.append(UnsafePointer(start.assumingMemoryBound(to: UInt8.self)))
            case .entries: entries = UnsafePointer(start.assumingMemoryBound(to: UInt8.self))
            case .scales(let bits):
                let scales = start.assumingMemoryBound(to: Float.self)
                scales.update(repeating: 1 / 4096, count: NestedLayout.paddedRows(rows))
                tables.append(NestedMatrix.Table(bits: bits, entries: entries, scales: UnsafePointer(scales)))
            case .half:
                // Exponents from 8 to 11: magnitudes from 2^-7 to 2^-3.
                let words = start.assumingMemoryBound(to: UInt64.self)
                for index in 0..<HalfLayout.byteCount(rows: rows, columns: columns) / 8 {
                    words[index] = words[index] & 0x8fff_8fff_8fff_8fff | 0x2000_2000_2000_2000
                }
                half = UnsafePointer(start.assumingMemoryBound(to: UInt16.self))
            }
        }
        return WeightMatrix(
            .nested(NestedMatrix(rows: rows, columns: columns, planes: planes, tables: tables, half: half)))
    }

    /// Copies that a pass at `bits` goes through.
    public func copyCount(bits: Int) -> Int { passCopies.first { $0.bits == bits }?.count ?? 0 }

    /// Bytes that one step reads: codes, tables and scales, or halves, of one copy.
    public func bytesPerStep(bits: Int) -> Int {
        copies[0].reduce(0) { $0 + $1.reduce(0) { $0 + $1.bytesRead(bits: bits) } }
    }

    /// One decode step's products with copy `step` modulo their number at these bits, activations' rounding included.
    public func run(step: Int, bits: Int, pool: ThreadPool) {
        let copy = copies[step % max(1, copyCount(bits: bits))]
        for (group, matrices) in zip(groups, copy) {
            activations.take(input, tokens: 1, columns: group.columns, for: matrices[0], bits: bits, pool: pool)
            var products: [Product] = []
            var out = output
            for matrix in matrices {
                products.append(Product(matrix, bits: bits, output: out))
                out += matrix.rows
            }
            multiply(
                products[0], products.count > 1 ? products[1] : nil, products.count > 2 ? products[2] : nil,
                activations, pool: pool)
        }
    }

    /// Sum of the last group's outputs, for tests.
    public var outputSum: Float {
        UnsafeBufferPointer(start: output, count: groups.last?.rows.reduce(0, +) ?? 0).reduce(0, +)
    }

    /// Reads about `byteCount` bytes of the same memory: the roofline. Returns how many.
    public func read(byteCount: Int, pool: ThreadPool) -> Int {
        let count = min(byteCount, memory.byteCount)
        _ = readAll(UnsafeRawBufferPointer(start: memory.base, count: count), pool: pool)
        return count
    }
}
