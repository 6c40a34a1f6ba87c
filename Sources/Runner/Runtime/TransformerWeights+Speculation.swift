public import Decoding
public import Model
public import Storage

extension TransformerWeights {
    /// Where nobody says: three bits are nearly always right about the next token and read a third of eight.
    private static let usualDraftBits = Precision(bits: 3)

    /// Drafts at a precision that the bundle serves.
    /// - Parameters:
    ///   - draftBits: nil for the usual one, or the next that there is below it, or the least.
    ///   - scheduler: of the steps that verify.
    /// - Throws: `usage` for one that the bundle has not, and for precision by need.
    public func speculation(draftBits: Precision?, for scheduler: DecodeScheduler? = nil) throws(TaperError)
        -> Speculation
    {
        guard scheduler?.adaptiveRule == nil else {
            throw TaperError(
                .usage, "precision by need is not drafted: its low precision writes ahead already",
                at: field("draft_bits"), remedy: "Draft a precision or another schedule")
        }
        guard let draftBits else {
            let usual = served.last { $0 <= TransformerWeights.usualDraftBits } ?? served.first
            return Speculation(draftBits: usual ?? TransformerWeights.usualDraftBits)
        }
        guard served.contains(draftBits) else {
            throw TaperError(
                .usage, "the bundle does not have this precision", at: field("draft_bits"),
                expected: served.map { $0.text }.joined(separator: ", "), found: draftBits.text)
        }
        return Speculation(draftBits: draftBits)
    }
}
