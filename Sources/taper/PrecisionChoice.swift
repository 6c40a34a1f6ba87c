public import ArgumentParser
import Bundle
import Evaluation
public import Model
import Storage

extension Precision: ExpressibleByArgument {
    /// "4" or "3.5".
    public init?(argument: String) { self.init(text: argument) }
}

/// Precisions that the command line asks a bundle for.
enum PrecisionChoice {
    /// The precision asked for, if the bundle serves it; otherwise its highest.
    static func check(_ bits: Precision?, _ bundle: Bundle) throws(TaperError) -> Precision {
        let available = try bundle.servedPrecisions()
        guard let bits else { return available.last ?? 8 }
        guard available.contains(bits) else {
            throw TaperError(
                .usage,
                bits.isRung ? "the bundle has no rung of \(bits) bits" : "the bundle has no \(bits)-bit precision",
                at: bundle.path, expected: Precision.text(available))
        }
        return bits
    }

    /// Those of "2-6" or "2,3.5", all of which the bundle must serve, or everything it serves; ascending.
    static func list(_ text: String?, _ bundle: Bundle) throws(TaperError) -> [Precision] {
        guard let text else { return try bundle.servedPrecisions() }
        let all = try Precision.list(parsing: text, place: "--bits")
        for bits in all { _ = try check(bits, bundle) }
        return all
    }
}
