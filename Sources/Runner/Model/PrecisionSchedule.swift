public import Storage

/// Which precision each decode step of one generation uses: bits that only ever fall.
///
/// Decode step s feeds the s-th new token (0-based) and yields the next one; the first new token comes from the prefill.
public struct PrecisionSchedule: Equatable, Sendable {
    public struct Step: Equatable, Sendable {
        /// Decode step from which on `bits` apply.
        public let fromStep: Int
        public let bits: Precision
        public init(fromStep: Int, bits: Precision) {
            self.fromStep = fromStep
            self.bits = bits
        }
    }

    public let prefillBits: Precision
    /// Ascending in `fromStep`, the first at 0; strictly descending in `bits`.
    public let steps: [Step]

    /// - Throws: `code` when the steps do not start at 0, are unsorted, or do not step down.
    public init(
        prefillBits: Precision, steps: [Step], code: TaperError.Code = .usage, place: String
    ) throws(TaperError) {
        if let fault = PrecisionSchedule.fault(of: steps, code, place) { throw fault }
        self.prefillBits = prefillBits
        self.steps = steps
    }

    /// The one rule of what a schedule is: steps that rise from 0, and bits that fall.
    private static func fault(of steps: [Step], _ code: TaperError.Code, _ place: String) -> TaperError? {
        guard let first = steps.first else {
            return TaperError(code, "the schedule is empty", at: place, expected: "steps such as 6@0,4@32")
        }
        guard first.fromStep == 0 else {
            return TaperError(
                code, "the schedule does not start at 0", at: place, expected: "a first step at 0",
                found: text([first]))
        }
        for (before, after) in zip(steps, steps.dropFirst()) {
            guard after.fromStep > before.fromStep else {
                return TaperError(
                    code, "switch points must rise", at: place,
                    expected: "a step after " + String(before.fromStep), found: text([after]))
            }
            guard after.bits < before.bits else {
                return TaperError(
                    code, "precision may only step down", at: place,
                    expected: "fewer than " + before.bits.text + " bits", found: text([after]))
            }
        }
        return nil
    }

    /// Steps that their maker knows to rise from 0 and to fall in bits.
    public init(prefillBits: Precision, descending steps: [Step]) {
        precondition(
            PrecisionSchedule.fault(of: steps, .internalFault, "") == nil, "steps rise from 0, and their bits fall")
        self.prefillBits = prefillBits
        self.steps = steps
    }

    /// The same precision at every decode step.
    public static func constant(_ bits: Precision, prefillBits: Precision? = nil) -> PrecisionSchedule {
        PrecisionSchedule(prefillBits: prefillBits ?? bits, descending: [Step(fromStep: 0, bits: bits)])
    }

    /// The same steps after a prefill at other bits; nil changes nothing.
    public func prefilled(at bits: Precision?) -> PrecisionSchedule {
        PrecisionSchedule(prefillBits: bits ?? prefillBits, descending: steps)
    }

    /// Reads "6@0,4.5@32,3@64": bits @ first decode step.
    public init(parsing text: String, prefillBits: Precision, place: String) throws(TaperError) {
        var steps: [Step] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = part.split(separator: "@", omittingEmptySubsequences: false)
            guard fields.count == 2, let bits = Precision(text: String(fields[0])), let from = Int(fields[1]),
                from >= 0
            else {
                throw TaperError(
                    .usage, "not a switch point", at: place, expected: "BITS@STEP, such as 6@0,4@32,3@64",
                    found: "\"" + printable(String(part)) + "\"")
            }
            steps.append(Step(fromStep: from, bits: bits))
        }
        try self.init(prefillBits: prefillBits, steps: steps, place: place)
    }

    /// Bits of decode step `step` (0-based).
    public func bits(atStep step: Int) -> Precision {
        var bits = steps[0].bits
        for candidate in steps.dropFirst() {
            if candidate.fromStep > step { break }
            bits = candidate.bits
        }
        return bits
    }

    /// Every precision it names: prefill and steps.
    public var precisions: [Precision] { [prefillBits] + steps.map { $0.bits } }

    /// Refuses precisions that a bundle does not serve; `served` ascending, rungs included.
    public func check(
        served: [Precision], code: TaperError.Code = .usage, place: String
    ) throws(TaperError) {
        for bits in precisions { try bits.check(served: served, code: code, place: place) }
    }

    /// "6@0,4@32": the form that `init(parsing:)` reads.
    public var text: String { PrecisionSchedule.text(steps) }

    /// The same of some steps; empty of none.
    public static func text(_ steps: [Step]) -> String {
        steps.map { $0.bits.text + "@" + String($0.fromStep) }.joined(separator: ",")
    }
}
