import Evaluation
import Scoring

/// The constant precisions that a method has to beat: it costs no more than any of them.
public struct EqualByteOpponents: Sendable {
    /// The constant precision of at most as many bytes per token that lies nearest to full precision by KL divergence.
    public let fitting: MethodResult?
    /// Two neighbouring constants, drawn per prompt such that the expected bytes are equal; the one constant where it has as
    /// many bytes.
    public let mixture: MethodResult?

    /// - Parameter constants: rungs included.
    public init(
        to method: MethodResult, among constants: [MethodResult], costs: DecodeCosts
    ) {
        guard let own = method.bytesPerToken else {
            fitting = nil
            mixture = nil
            return
        }
        let known = constants.filter { $0.bytesPerToken != nil && $0.label != method.label }
        func bytesOf(_ result: MethodResult) -> Double { result.bytesPerToken ?? 0 }
        // A part of a byte of rounding is no reason to leave an equal out.
        let below = known.filter { bytesOf($0) <= own + 0.5 }
        fitting = below.min { a, b in
            (a.divergence.value, -bytesOf(a), a.label) < (b.divergence.value, -bytesOf(b), b.label)
        }
        let under = below.max { bytesOf($0) < bytesOf($1) }
        let over = known.filter { bytesOf($0) > own + 0.5 }.min { bytesOf($0) < bytesOf($1) }
        guard let under, let over else {
            mixture = under.flatMap { abs(bytesOf($0) - own) <= 0.5 ? $0 : nil }
            return
        }
        let share = (own - bytesOf(under)) / (bytesOf(over) - bytesOf(under))
        if share <= 0.001 {
            mixture = under
            return
        }
        mixture = MethodResult.mixture(
            [(1 - share, under), (share, over)], label: "\(under.label) or \(over.label), at random", kind: .random,
            costs: costs)
    }
}
