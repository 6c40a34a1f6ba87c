internal import CQuantization
public import Kernels
public import Storage

/// What `quantizeJoint` needs to know of a layer's inputs, made once for all layers that share them.
///
/// Memory: 6 columns^2 bytes, and 4 columns^2 more, those that it is made of, while the feedback is found.
public final class LayerHessian: @unchecked Sendable {
    public let columns: Int
    /// H + damping * mean(diagonal) * I in panels (`cq_fill_panels`).
    let panels: UnsafePointer<Float>
    /// How errors are fed back from a column to those after it, in panels (`cq_fill_feedback`); nil where they are not.
    let feedbackPanels: UnsafePointer<Float>?
    /// What the panels lie in, aligned: a vector of 64 bytes is then in one line of the cache.
    private let blocks: [MemoryBlock]
    let diagonal: [Float]

    /// - Parameters:
    ///   - hessian: error weights, [columns, columns], symmetric; its memory is used where nobody else holds it.
    ///   - place: what they weigh, for errors.
    /// - Throws: `badData` when one is not finite, `inputOutput` where memory does not suffice.
    public init(
        _ hessian: consuming [Float], columns: Int, joint: JointSettings, pool: ThreadPool, place: String
    ) throws(TaperError) {
        precondition(hessian.count == columns * columns, "a Hessian does not match the columns")
        try checkImportance(hessian, place: place)
        let stride = (columns + 15) / 16 * 16
        var values = Self.damped(consume hessian, columns: columns, stride: stride, share: joint.damping)
        self.columns = columns
        diagonal = (0..<columns).map { values[$0 * stride + $0] }
        let whole = try Self.panels(values, cq_panels_size(Int32(columns)), columns, stride, pool, cq_fill_panels)
        panels = UnsafePointer(whole.base.assumingMemoryBound(to: Float.self))
        guard joint.usesFeedback else {
            (feedbackPanels, blocks) = (nil, [whole])
            return
        }
        Self.factor(&values, columns: columns, stride: stride, pool: pool)
        let feedback = try Self.panels(
            values, cq_feedback_size(Int32(columns)), columns, stride, pool, cq_fill_feedback)
        feedbackPanels = UnsafePointer(feedback.base.assumingMemoryBound(to: Float.self))
        blocks = [whole, feedback]
    }

    /// H + damping * mean(diagonal) * I at a row and a column.
    public func value(_ row: Int, _ column: Int) -> Float {
        let width = Int(CQ_PANEL)
        return panels[(column / width * columns + row) * width + column % width]
    }

    /// A_kj of H = A D A^T for j > k; 0 elsewhere, and where errors are not fed back.
    public func feedback(_ row: Int, _ column: Int) -> Float {
        guard column > row, let feedbackPanels else { return 0 }
        let width = Int(CQ_PANEL)
        return feedbackPanels[cq_feedback_panel(Int32(column / width)) + row * width + column % width]
    }

    private typealias Fill = (UnsafePointer<Float>?, Int32, Int32, Int32, Int32, UnsafeMutablePointer<Float>?) -> Void

    private static func panels(
        _ values: [Float], _ size: Int, _ columns: Int, _ stride: Int, _ pool: ThreadPool, _ fill: @escaping Fill
    ) throws(TaperError) -> MemoryBlock {
        let block = try MemoryBlock(
            byteCount: size * MemoryLayout<Float>.stride, dense: true, purpose: "the Hessian of a layer's inputs",
            remedy: "Free memory")
        nonisolated(unsafe) let (to, fill) = (block.values(Float.self, count: size), fill)
        values.withUnsafeBufferPointer { values in
            nonisolated(unsafe) let from = values.baseAddress
            let count = (columns + Int(CQ_PANEL) - 1) / Int(CQ_PANEL)
            pool.run(count) { fill(from, Int32(columns), Int32(stride), Int32($0), Int32($0 + 1), to) }
        }
        return block
    }

    /// Row k gets A_kj, j > k, of H = A D A^T; the rest means nothing any more.
    private static func factor(_ hessian: inout [Float], columns: Int, stride: Int, pool: ThreadPool) {
        let functions = jointFunctions(pool)
        hessian.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            nonisolated(unsafe) let values = base
            let (width, block, piece) = (Int32(stride), Int(CQ_FEEDBACK_BLOCK), 16)
            for last in Swift.stride(from: columns, to: 0, by: -block) {
                let first = max(0, last - block)
                for row in (first..<last).reversed() {
                    functions.feedback_rows(values, width, Int32(first), Int32(last), Int32(row), Int32(row + 1))
                }
                pool.run((first + piece - 1) / piece) { part in
                    // Later rows are longer: they come first.
                    let end = first - part * piece
                    functions.feedback_rows(
                        values, width, Int32(first), Int32(last), Int32(max(0, end - piece)), Int32(end))
                }
            }
        }
    }

    /// H + share * mean(diagonal) * I, padded with zeros to `stride` columns; an all-zero Hessian becomes the identity. Extreme
    /// ones are divided by a power of two, which changes no code: their products would leave single precision.
    private static func damped(
        _ hessian: consuming [Float], columns: Int, stride: Int, share: Double
    ) -> [Float] {
        var trace = 0.0
        for index in 0..<columns { trace += Double(hessian[index * columns + index]) }
        let mean = trace / Double(columns)
        let unit: Double =
            mean > 0 && !(0x1p-60...0x1p60).contains(mean)
            ? Double(sign: .plus, exponent: mean.exponent, significand: 1) : 1
        let added = trace > 0 ? Float(share * trace / Double(columns) / unit) : 1
        var out: [Float]
        if stride == columns {
            out = consume hessian
        } else {
            out = padded(hessian, columns: columns, stride: stride)
        }
        out.withUnsafeMutableBufferPointer { values in
            if unit != 1 { for index in values.indices { values[index] = Float(Double(values[index]) / unit) } }
            for row in 0..<columns { values[row * stride + row] += added }
        }
        return out
    }

    private static func padded(_ hessian: borrowing [Float], columns: Int, stride: Int) -> [Float] {
        var out = [Float](repeating: 0, count: columns * stride)
        for row in 0..<columns {
            for column in 0..<columns { out[row * stride + column] = hessian[row * columns + column] }
        }
        return out
    }
}
