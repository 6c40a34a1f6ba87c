import Decoding
import Kernels
import Model
import Storage

// Numbers that leave their range end their sequence with an error. A softmax takes a score that is no number for one that is
// very small, and a sampler finds some token among any logits, so nothing after them would notice.
extension Engine {
    /// From here on floats round to an infinite half.
    private static var halfLimit: Float { 65520 }

    func hasFailed(_ chunk: Int) -> Bool { failures.contains { $0.chunk == chunk } }

    /// Ends the chunks of which a key or value, [rows][kvSize] in `scratch`, is beyond what half precision can hold.
    @inline(never)
    func inspectCacheInputs(_ block: RowBlock, layer: Int) {
        let size = config.kvSize
        for (isKey, x) in [(true, scratch.key), (false, scratch.value)] {
            guard !(operations.magnitude(x, count: block.rowCount * size) < Engine.halfLimit) else { continue }
            for segment in block.segments {
                for row in 0..<segment.count {
                    let magnitude = operations.magnitude(x + (segment.firstRow + row) * size, count: size)
                    guard !(magnitude < Engine.halfLimit), !hasFailed(segment.chunk) else { continue }
                    fail(
                        segment.chunk,
                        (isKey ? "a key" : "a value") + " of layer " + String(layer)
                            + " leaves half precision, beyond which no cache holds it",
                        position: segment.firstPosition + row, segment.bits, expected: "a magnitude of at most 65504",
                        magnitude)
                }
            }
        }
    }

    /// Ends the chunks of some wanted rows whose logits, in `scratch`, are not all finite.
    func inspectLogits(_ wanted: Range<Int>) {
        for index in wanted {
            let row = block.wanted[index]
            guard let base = logits(index - wanted.lowerBound).baseAddress else { continue }
            let magnitude = operations.magnitude(base, count: vocabularySize)
            if magnitude.isFinite || hasFailed(row.chunk) { continue }
            fail(
                row.chunk, "the logits are not finite", position: row.position, row.bits, expected: "finite numbers",
                magnitude)
        }
    }

    // Out of line: the optimizer would copy what is never run into every caller.
    @inline(never)
    private func fail(_ chunk: Int, _ what: String, position: Int, _ bits: Precision, expected: String, _ found: Float)
    {
        let error = TaperError(
            .badData, what, at: "position " + String(position) + ", " + bits.label, expected: expected,
            found: found.isNaN ? "NaN" : found.isFinite ? fixed(Double(found), 0) : "infinity",
            remedy: "Convert the checkpoint again, or look at its own logits with taper logits")
        failures.append(ChunkFailure(chunk: chunk, error: error))
    }
}
