import Checkpoint

/// A 128-bit name for the output of a stage, made from everything the output depends on.
///
/// Equal keys mean equal outputs, so a stored output under its key can be used again, and a killed run resumes by
/// finding what is already there. Facts are whole values: settings, texts as tokens, digests of weights, and the keys of
/// the stages before; never names of files, sizes or times.
package struct ContentKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// - Parameters:
    ///   - version: changes whenever the stage's code changes its output.
    ///   - facts: what the output depends on; see `CanonicalBytes`. A stage's are its properties (`Stage`).
    package init(_ stage: String, version: Int, _ facts: KeyValuePairs<String, Any>) {
        var bytes = CanonicalBytes.of(stage) + CanonicalBytes.of(version)
        for (name, value) in facts { bytes += CanonicalBytes.of(name) + CanonicalBytes.of(value) }
        let digest = Digest(of: bytes)
        (high, low) = (digest.high, digest.low)
    }

    /// 32 hexadecimal digits.
    package var text: String { hexDigits(high) + hexDigits(low) }

    /// Ties a stored file to its name, so that another's content under it is taken for damage.
    var seed: UInt64 { high ^ low }
}
