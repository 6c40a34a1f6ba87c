import Kernels
public import Model
public import Storage

// Numbers that leave their range end a run with an error. A softmax takes a score that is no number for one that is very
// small, and a sampler finds some token among any logits, so nothing after them would notice.
extension Transformer {
    /// The first number of a forward pass that the cache could not hold.
    struct CacheOverflow {
        let position: Int
        let layer: Int
        let isKey: Bool
        let magnitude: Float
    }

    /// From here on floats round to an infinite half.
    private static var halfLimit: Float { 65520 }

    /// Notes the first key or value, [tokens][kvSize] in `scratch`, that half precision cannot hold.
    @inline(never)
    func inspectCacheInputs(layer: Int, tokens: Int, _ sequences: [DecodingSequence]) {
        guard cacheOverflow == nil else { return }
        for (isKey, x) in [(true, scratch.key), (false, scratch.value)] {
            guard !(operations.magnitude(x, count: tokens * config.kvSize) < Transformer.halfLimit) else { continue }
            for row in 0..<tokens {
                let magnitude = operations.magnitude(x + row * config.kvSize, count: config.kvSize)
                guard !(magnitude < Transformer.halfLimit) else { continue }
                cacheOverflow = CacheOverflow(
                    position: sequences.isEmpty ? position + row : sequences[row].position, layer: layer,
                    isKey: isKey, magnitude: magnitude)
                return
            }
        }
    }

    /// - Throws: `badData` when a key or value of the last run left half precision.
    func checkCache(_ bits: Precision) throws(TaperError) {
        guard let overflow = cacheOverflow else { return }
        cacheOverflow = nil
        throw Transformer.failure(
            (overflow.isKey ? "a key" : "a value") + " of layer " + String(overflow.layer)
                + " leaves half precision, in which the cache holds it",
            position: overflow.position, bits, expected: "a magnitude of at most 65504", overflow.magnitude)
    }

    /// - Parameter position: of the token whose logits these are.
    /// - Throws: `badData` unless all are finite.
    func check(_ logits: UnsafeBufferPointer<Float>, position: Int, bits: Precision) throws(TaperError) {
        guard let base = logits.baseAddress else { return }
        let magnitude = operations.magnitude(base, count: logits.count)
        guard !magnitude.isFinite else { return }
        throw Transformer.failure(
            "the logits are not finite", position: position, bits, expected: "finite numbers", magnitude)
    }

    // Out of line: the optimizer would copy what is never run into every caller.
    @inline(never)
    private static func failure(
        _ what: String, position: Int, _ bits: Precision, expected: String, _ found: Float
    ) -> TaperError {
        TaperError(
            .badData, what, at: "position " + String(position) + ", " + bits.label, expected: expected,
            found: found.isNaN ? "NaN" : found.isFinite ? fixed(Double(found), 0) : "infinity",
            remedy: "Convert the checkpoint again, or look at its own logits with taper logits")
    }
}
