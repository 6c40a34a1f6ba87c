import Bundle
import Kernels
import Model
public import Storage

/// When weights are compared with the bundle's checksums.
public enum Verification: String, Sendable, CaseIterable {
    /// Everything, before anything is run.
    case full
    /// What is read, before it is read for the first time.
    case lazy
    case off
}

// Weights are compared with their checksums before they are used for the first time: damage ends a run, and changes no token.
extension Engine {
    /// Bytes of weights that were compared so far; nil where none are.
    public var comparedByteCount: Int? { checks?.byteCount }

    /// Rows of the embedding that a block's tokens look up.
    func checkEmbedding(_ block: RowBlock, of tokens: UnsafeBufferPointer<Int>) throws(TaperError) {
        guard let checks else { return }
        for segment in block.segments {
            for index in 0..<segment.count {
                weights.embedding.eachPart(
                    bits: segment.bits.roundedDown, row: tokens[segment.firstToken + index], checks.expect)
            }
        }
        try checks.compare(pool)
    }

    /// Layers from one on, at precisions that have not been through all layers yet: so many at once that all threads have work, and
    /// few enough that products find in a cache what came from the file for this.
    func checkLayers(from first: Int) throws(TaperError) {
        guard let checks, !newPrecisions.isEmpty, first >= checkedLayers else { return }
        let enough = 16
        while checkedLayers < weights.layers.count && checks.pendingCount < enough {
            for allocation in allocations where newPrecisions.contains(allocation.precision) {
                for part in weights.layers[checkedLayers].parts(allocation.layers[checkedLayers]) {
                    checks.expect(part)
                }
            }
            checkedLayers += 1
        }
        try checks.compare(pool)
    }

    /// The head at the precisions of wanted rows of the block that ran last, all of it: which of its rows are read changes with
    /// every token.
    func checkHead() throws(TaperError) {
        guard let checks else { return }
        for (group, allocation) in zip(block.groups, allocations) where !checkedHeads.contains(allocation.others) {
            guard block.wanted.contains(where: { group.rows.contains($0.row) }) else { continue }
            weights.head.matrix.eachPart(bits: allocation.others, checks.expect)
            try checks.compare(pool)
            checkedHeads.append(allocation.others)
        }
    }
}
