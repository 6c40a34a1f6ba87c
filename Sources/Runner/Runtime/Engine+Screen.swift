import Kernels
import Model
import Storage

// A head of which only the rows that can win are read in full (`HeadScreen`).
extension Engine {
    /// Times that the whole head is read after one for which screening was in vain: it costs a few hundredths at worst.
    private static let pauseLength = 8

    /// The largest logits of some rows of the block that ran last; all others are minus infinity. False where some row wants
    /// more of them or the whole head has to be read; then nothing has been done.
    func screen(_ wanted: Range<Int>) -> Bool {
        guard usesHeadScreens, let screenedHead else { return false }
        let head = weights.head.matrix
        let most = wanted.reduce(1) { most, index in
            let row = block.wanted[index]
            return row.tokens.count > HeadScreen.rowLimit ? Int.max : max(most, row.leading)
        }
        let bits = allocations.reduce(BitWidth.nested.upperBound) { min($0, $1.others) }
        guard let screen = screenedHead.screen(for: most, bits: bits, states: wanted.count) else { return false }
        counts.screenedRows += wanted.count
        guard screenPause == 0 else {
            screenPause -= 1
            counts.exactHeadRows += NestedLayout.paddedRows(head.rows) * wanted.count
            return false
        }
        group([])
        normalizeHeadInputs(wanted)
        take(
            scratch.normed, tokens: wanted.count, columns: config.hiddenSize, for: weights.head,
            bits: allocations[0].others)
        let requests = wanted.map { index in
            let row = block.wanted[index]
            let group = block.groups.firstIndex { $0.rows.contains(row.row) } ?? 0
            return ScreenedHead.Request(
                bits: allocations[group].others, leading: row.leading, rows: row.tokens)
        }
        let tileRows = screenedHead.run(
            requests, by: screen, states: scratch.normed, scratch.activations, logits: scratch.logits, pool: pool)
        counts.weightBytes += screen.bytesRead
        counts.weightMultiplications += head.rows * head.columns * wanted.count
        guard let tileRows else {
            screenPause = Engine.pauseLength
            counts.exactHeadRows += NestedLayout.paddedRows(head.rows) * wanted.count
            return false
        }
        for (request, count) in zip(requests, tileRows) {
            let rows = count * NestedLayout.tileRows
            counts.exactHeadRows += rows
            counts.weightBytes += rows * (head.bytesRead(bits: request.bits) / NestedLayout.paddedRows(head.rows))
            counts.weightMultiplications += rows * head.columns
        }
        return true
    }

    /// States that the head read of the rows that are handed out, [rows][hiddenSize]: valid while they are.
    public var headInputs: UnsafePointer<Float> { UnsafePointer(scratch.normed) }
}
