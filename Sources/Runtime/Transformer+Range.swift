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
        throw TaperError(
            .badData, (overflow.isKey ? "a key" : "a value") + " leaves half precision, in which the cache holds it",
            at: "position " + String(overflow.position) + ", layer " + String(overflow.layer) + ", " + bits.label,
            expected: "a magnitude of at most 65504", found: Transformer.text(overflow.magnitude),
            remedy: "Convert the checkpoint again: a conversion brings keys and values into range")
    }

    /// - Parameter position: of the token whose logits these are.
    /// - Throws: `badData` unless all are finite.
    func check(
        _ logits: UnsafeBufferPointer<Float>, position: Int, bits: Precision
    ) throws(TaperError) {
        guard let base = logits.baseAddress else { return }
        let magnitude = operations.magnitude(base, count: logits.count)
        guard !magnitude.isFinite else { return }
        throw TaperError(
            .badData, "the logits are not finite", at: "position " + String(position) + ", " + bits.label,
            expected: "finite numbers", found: Transformer.text(magnitude),
            remedy: "The model's numbers leave single precision: compare with taper logits on its checkpoint, "
                + "and convert that again")
    }

    private static func text(_ value: Float) -> String {
        value.isNaN ? "NaN" : value.isFinite ? fixed(Double(value), 0) : "infinity"
    }
}
