public import Bundle
public import Model
import Storage

/// How much text the sensitivities of tensors are estimated on. Sequences are short: the estimate's error falls with their
/// number, not their length (a share of about sqrt(2 / count) at most), and a gradient costs as many tokens as it has.
enum RungText {
    static let sequences = 64
    static let length = 128
}

/// Averages half-way between neighbouring precisions of a bundle's nested codes.
public func halfRungs(_ manifest: Manifest) -> [Precision] {
    let nested = manifest.nestedPrecisions
    return zip(nested, nested.dropFirst()).map { Precision(hundredths: ($0 + $1) * 50) }.filter(\.isRung)
}

/// Refuses averages that are no rung between the nested precisions.
func checkRungs(
    _ averages: [Precision], precisions: [Int], code: TaperError.Code, place: String
) throws(TaperError) {
    let nested = BitWidth.nested(of: precisions)
    guard let lowest = nested.first, let highest = nested.last else { return }
    for average in averages
    where average.isWhole || average < Precision(bits: lowest) || average > Precision(bits: highest) {
        throw TaperError(
            code, "not the average of a rung", at: place,
            expected: "an average between \(lowest) and \(highest) that is not whole, such as \(lowest).5",
            found: average.text)
    }
}
