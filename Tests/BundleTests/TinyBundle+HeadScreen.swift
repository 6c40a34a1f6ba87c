import Bundle
import Kernels
import Model
import Storage

extension TinyBundle {
    /// A head of five bits with both screens, small enough for a golden file.
    static var withScreens: TinyBundle {
        var tiny = TinyBundle(precisions: [3], embedding: [4, 5], tied: false, tokenizer: nil, documents: [])
        tiny.screens = [2, 3]
        tiny.change = { $0.vocabularySize = 90 }
        return tiny
    }

    /// Leading bits with a table of noise, one direction, and deviations that no state exceeds: the length of what is left out.
    static func screen(of bundle: Bundle, leadBits: Int) throws(TaperError) -> HeadScreenDraft {
        let head = try bundle.weights(bundle.manifest.model.headName)
        let pool = ThreadPool(threadCount: 1, instructionSet: .scalar)
        let draft = try HeadScreenDraft(
            HeadScreenSection.Shape(leadBits: leadBits, directions: 1, rows: head.rows, columns: head.columns),
            headChecksum: bundle.headChecksum)
        draft.basis[0] = 1
        draft.units[0] = 2
        var (exact, leading) = ([Float](repeating: 0, count: head.columns), [Float](repeating: 0, count: head.columns))
        // Entries that are their own indices, then means of the weights that have them.
        for row in 0..<head.rows {
            draft.scales[row] = 1
            draft.projectionScales[row] = 4
            for level in 0..<1 << leadBits { draft.entries[row << leadBits + level] = UInt8(128 + level) }
        }
        for row in 0..<head.rows {
            try draft.screen(of: head).lead.dequantizeRow(row, bits: leadBits, into: &leading, pool: pool)
            head.dequantizeRow(row, bits: head.precisions[head.precisions.count - 1], into: &exact, pool: pool)
            let means = (0..<1 << leadBits).map { level in
                let own = exact.indices.filter { leading[$0] == Float(level) }.map { Double(exact[$0]) }
                return own.isEmpty ? 0 : Float(own.reduce(0, +) / Double(own.count))
            }
            let scale = (means.map(\.magnitude).max() ?? 0) / 127
            draft.scales[row] = scale
            for (level, mean) in means.enumerated() {
                draft.entries[row << leadBits + level] = scale > 0 ? UInt8(128 + (mean / scale).rounded()) : 128
            }
        }
        let lead = try draft.screen(of: head).lead
        for row in 0..<head.rows {
            lead.dequantizeRow(row, bits: leadBits, into: &leading, pool: pool)
            var most = 0.0
            for (order, bits) in head.precisions.reversed().enumerated() {
                head.dequantizeRow(row, bits: bits, into: &exact, pool: pool)
                let first = Double(exact[0] - leading[0])
                if order == 0 {
                    let value = max(-127, min(127, (first * 2 / 4).rounded()))
                    draft.projections[draft.projectionIndex(row: row, direction: 0)] = Int8(value)
                }
                let kept = Double(draft.projections[draft.projectionIndex(row: row, direction: 0)]) * 4 / 2
                var sum = (first - kept) * (first - kept)
                for column in 1..<head.columns {
                    sum += Double(exact[column] - leading[column]) * Double(exact[column] - leading[column])
                }
                most = max(most, sum.squareRoot())
            }
            draft.deviations[row] = Float(most)
        }
        var evidence = HeadScreen.Evidence()
        evidence.tokens = 100
        evidence.largest = 0.75
        evidence.tileRowsForOne = 1.5
        evidence.tileRowsForForty = 2
        draft.write(margin: 1, evidence)
        return draft
    }
}
