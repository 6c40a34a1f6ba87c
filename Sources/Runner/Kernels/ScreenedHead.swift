internal import CKernels
import Storage

/// The largest logits of a state from the leading bits of all rows and all bits of those that can still win.
///
/// Three steps: a score for every row; the exact logits of as many tiles as logits are wanted, those with the best scores, of
/// which the least wanted one is a bound that the wanted logits reach; the exact logits of every row whose score is within
/// `HeadScreen.margin` deviations of the bound. All other logits become minus infinity. Exact logits are those of the whole
/// product, bit for bit.
public final class ScreenedHead {
    /// What is wanted of a state.
    public struct Request {
        /// Precision of the exact logits.
        public var bits: Int
        /// How many of the largest logits, not counting those of `rows`.
        public var leading: Int
        /// Rows whose logits are wanted whatever they are.
        public var rows: [Int]

        public init(bits: Int, leading: Int, rows: [Int] = []) {
            self.bits = bits
            self.leading = leading
            self.rows = rows
        }
    }

    /// Where rows were underestimated by this share of the margin among those that were looked at, others may have been by more.
    private static let alarm: Float = 0.9
    /// A cap on logits flattens what is this many times as large.
    private static let capReach: Float = 2.5

    private let screens: [HeadScreen]
    private let head: WeightMatrix
    private let bias: UnsafePointer<Float>?
    private let cap: Float
    private let tileRows: Int
    /// Per row of tiles: its best score, and what becomes of it.
    private let best: UnsafeMutablePointer<Float>
    private let wanted: UnsafeMutablePointer<UInt8>
    private enum Mark { static let exact: UInt8 = 2 }
    /// Rows of tiles that are read whatever comes of the others.
    private var first: [Int] = []
    /// Rows of tiles and their best scores, best first.
    private var leaders: [(score: Float, tileRow: Int)] = []
    /// Exact logits, largest first.
    private var largest: [Float] = []

    /// - Parameter cap: of the logits; 0: none.
    public init(_ screens: [HeadScreen], of head: WeightMatrix, bias: UnsafePointer<Float>?, cap: Float) {
        self.screens = screens
        self.head = head
        self.bias = bias
        self.cap = cap
        tileRows = NestedLayout.paddedRows(head.rows) / NestedLayout.tileRows
        // The kernels mark tiles in pairs.
        best = .allocate(capacity: tileRows + 1)
        wanted = .allocate(capacity: tileRows + 1)
    }

    deinit {
        best.deallocate()
        wanted.deallocate()
    }

    /// Logits that can be wanted at most.
    public var leadingLimit: Int { HeadScreen.leadingLimit(rows: head.rows) }

    /// What reads the fewest bytes for so many of the largest logits of some states; nil where the whole head does.
    public func screen(for leading: Int, bits: Int, states: Int = 1) -> HeadScreen? {
        guard leading <= leadingLimit else { return nil }
        var best: HeadScreen?
        var least = head.bytesRead(bits: bits)
        for screen in screens {
            let bytes = screen.expectedBytes(of: head, bits: bits, leading: leading, states: states)
            if bytes < least { (best, least) = (screen, bytes) }
        }
        return best
    }

    /// - Parameters:
    ///   - screen: one of this head's.
    ///   - states: [requests][columns], which `x` holds as bytes.
    ///   - logits: [requests][rows].
    /// - Returns: rows of tiles read in full of each; nil where the whole head has to be, and the logits mean nothing.
    public func run(
        _ requests: [Request], by screen: HeadScreen, states: UnsafePointer<Float>, _ x: ActivationBuffer,
        logits: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) -> [Int]? {
        precondition(x.groups.isEmpty && x.tokens == requests.count, "the activations are of other rows")
        multiply(Product(screen.lead, bits: screen.leadBits, output: logits), nil, nil, x, pool: pool)
        var counts: [Int] = []
        for (index, request) in requests.enumerated() {
            guard
                let count = select(
                    request, by: screen, state: states + index * head.columns, x.view(row: index),
                    logits + index * head.rows, pool)
            else { return nil }
            counts.append(count)
        }
        return counts
    }

    private func select(
        _ request: Request, by screen: HeadScreen, state: UnsafePointer<Float>, _ x: ck_activations_t,
        _ logits: UnsafeMutablePointer<Float>,
        _ pool: ThreadPool
    ) -> Int? {
        let functions = pool.kernels.functions
        let (coefficients, rest) = screen.split(state)
        let view = screen.view
        let blocks = (head.rows + HeadScreen.rowBlock - 1) / HeadScreen.rowBlock
        let parts = pool.threadCount == 1 ? 1 : min(blocks, pool.threadCount * 4)
        let score = required(functions.screen_scores)
        pool.run(parts) { part in
            let range = ThreadPool.slice(blocks, part: part, of: parts)
            if let bias {
                let first = range.lowerBound * HeadScreen.rowBlock
                let count = min(head.rows, range.upperBound * HeadScreen.rowBlock) - first
                functions.add(bias + first, Int32(count), logits + first)
            }
            var view = view
            score(&view, coefficients, Int32(range.lowerBound), Int32(range.upperBound), logits, best)
        }

        let job = Job(
            matrix: head.view(request.bits), x: x, logits: logits, deviations: screen.deviations,
            alarm: Self.alarm * screen.margin * rest,
            scratch: pool.scratch(byteCount: ck_product_scratch_bytes(x.tiles)))
        guard let bound = bound(request, job, pool), cap == 0 || bound.magnitude < cap * Self.capReach else {
            return nil
        }
        let mark = required(functions.screen_rows)
        let (spread, low) = (rest * screen.margin, bound - Self.slack(bound))
        let found = pool.sum(parts) { part, _ in
            let range = ThreadPool.slice(blocks, part: part, of: parts)
            var view = view
            return Int(mark(&view, logits, spread, low, Int32(range.lowerBound), Int32(range.upperBound), wanted))
        }
        guard found + first.count <= tileRows / 8 * 7 else { return nil }
        let finer = pool.threadCount == 1 ? 1 : min(tileRows, pool.threadCount * 16)
        let alarms = pool.sum(finer) { part, thread in
            finish(ThreadPool.slice(tileRows, part: part, of: finer), job, pool, thread)
        }
        return alarms == 0 ? found + first.count : nil
    }

    /// What the exact logits of one state are made of.
    private struct Job {
        var matrix: ck_matrix_t
        var x: ck_activations_t
        let logits: UnsafeMutablePointer<Float>
        /// Of the rows, and how many of them a row may be underestimated by before it is suspicious.
        let deviations: UnsafePointer<Float>
        let alarm: Float
        /// A block for every thread.
        let scratch: UnsafeMutableRawPointer
    }

    /// Rounding, beside chance.
    private static func slack(_ logit: Float) -> Float { 1e-5 * (1 + logit.magnitude) }

    /// Reads the tiles of the rows that are wanted by name, and those with the best scores: as many as logits are wanted.
    /// - Returns: a number that the largest logits of other rows reach; nil where something is not as it should be.
    private func bound(_ request: Request, _ job: Job, _ pool: ThreadPool) -> Float? {
        let count = request.leading
        precondition(count > 0 && count <= leadingLimit, "no such logits")
        wanted.update(repeating: 0, count: tileRows + 1)
        first.removeAll(keepingCapacity: true)
        for row in request.rows where row >= 0 && row < head.rows {
            let tileRow = row / NestedLayout.tileRows
            if wanted[tileRow] == 0 { first.append(tileRow) }
            wanted[tileRow] = Mark.exact
        }
        // Of tiles without such rows: what is left beside a name says little about the others.
        leaders.removeAll(keepingCapacity: true)
        for tileRow in 0..<tileRows where wanted[tileRow] == 0 {
            let score = best[tileRow]
            if leaders.count == count {
                guard score > leaders[count - 1].score else { continue }
                leaders.removeLast()
            }
            let place = leaders.firstIndex { score > $0.score } ?? leaders.count
            leaders.insert((score, tileRow), at: place)
        }
        for leader in leaders {
            first.append(leader.tileRow)
            wanted[leader.tileRow] = Mark.exact
        }
        let list = first
        let parts = pool.threadCount == 1 || list.count < 4 ? 1 : min(list.count, pool.threadCount * 4)
        let alarms = pool.sum(parts) { part, thread in
            ThreadPool.slice(list.count, part: part, of: parts).reduce(0) {
                $0 + compute(list[$1], job, pool, thread)
            }
        }
        guard alarms == 0 else { return nil }
        largest.removeAll(keepingCapacity: true)
        for tileRow in first {
            let start = tileRow * NestedLayout.tileRows
            for row in start..<min(start + NestedLayout.tileRows, head.rows) where !request.rows.contains(row) {
                let logit = job.logits[row]
                if largest.count == count {
                    guard logit > largest[count - 1] else { continue }
                    largest.removeLast()
                }
                let place = largest.firstIndex { logit > $0 } ?? largest.count
                largest.insert(logit, at: place)
            }
        }
        guard largest.count == count, let bound = largest.last, bound.isFinite else { return nil }
        return bound
    }

    /// The exact logits of a row of tiles in place of its scores. Returns how many were underestimated by too much.
    private func compute(_ tileRow: Int, _ job: Job, _ pool: ThreadPool, _ thread: Int) -> Int {
        let first = tileRow * NestedLayout.tileRows
        let count = min(NestedLayout.tileRows, head.rows - first)
        var scores = SIMD8<Float>()
        for row in 0..<count { scores[row] = job.logits[first + row] }
        var (matrix, x) = (job.matrix, job.x)
        pool.kernels.functions.gemv(
            &matrix, &x, job.logits, Int64(head.rows), Int32(tileRow), Int32(tileRow + 1),
            job.scratch + thread * pool.scratchStride)
        if let bias { pool.kernels.functions.add(bias + first, Int32(count), job.logits + first) }
        var alarms = 0
        for row in 0..<count {
            let logit = job.logits[first + row]
            let most = job.alarm * job.deviations[first + row] + Self.slack(logit)
            if !(logit - scores[row] <= most) || !logit.isFinite { alarms += 1 }
        }
        return alarms
    }

    /// The final logits of rows of tiles; returns alarms.
    private func finish(_ range: Range<Int>, _ job: Job, _ pool: ThreadPool, _ thread: Int) -> Int {
        var alarms = 0
        var tileRow = range.lowerBound
        while tileRow < range.upperBound {
            let first = tileRow * NestedLayout.tileRows
            if wanted[tileRow] == 0 {
                repeat { tileRow += 1 } while tileRow < range.upperBound && wanted[tileRow] == 0
                let end = min(tileRow * NestedLayout.tileRows, head.rows)
                (job.logits + first).update(repeating: -.infinity, count: end - first)
                continue
            }
            if wanted[tileRow] != Mark.exact { alarms += compute(tileRow, job, pool, thread) }
            if cap != 0 {
                let count = min(NestedLayout.tileRows, head.rows - first)
                pool.kernels.functions.soft_cap(job.logits + first, 1 / cap, cap, Int32(count))
            }
            tileRow += 1
        }
        return alarms
    }
}
