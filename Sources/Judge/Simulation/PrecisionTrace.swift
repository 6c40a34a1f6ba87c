public import Model
public import Storage

/// The precisions of one generation: of its prompt, and of every decode step.
public struct PrecisionTrace: Equatable, Sendable {
    public var promptTokens: Int
    public var prefillBits: Precision
    /// Of decode step s, which reads new token s.
    public var bitsPerStep: [Precision]

    public init(promptTokens: Int, prefillBits: Precision, bitsPerStep: [Precision]) {
        self.promptTokens = promptTokens
        self.prefillBits = prefillBits
        self.bitsPerStep = bitsPerStep
    }

    /// A schedule followed for `steps` decode steps.
    public init(_ schedule: PrecisionSchedule, promptTokens: Int, steps: Int) {
        self.init(
            promptTokens: promptTokens, prefillBits: schedule.prefillBits,
            bitsPerStep: (0..<steps).map { schedule.bits(atStep: $0) })
    }

    var precisions: [Precision] { Array(Set(bitsPerStep + [prefillBits])).sorted() }
    var positions: Int { promptTokens + bitsPerStep.count }
}

/// What decides on the precisions: one trace, or several that occur with certain shares.
public struct SimulatedSchedule: Sendable {
    public let label: String
    /// Shares add up to 1.
    public let traces: [(share: Double, trace: PrecisionTrace)]

    init(label: String, traces: [(share: Double, trace: PrecisionTrace)]) {
        self.label = label
        self.traces = traces
    }

    public init(_ label: String, _ trace: PrecisionTrace) {
        self.label = label
        traces = [(1, trace)]
    }

    /// Recorded generations, all with the same share.
    public init(_ label: String, recorded: [PrecisionTrace]) {
        precondition(!recorded.isEmpty, "no generation was recorded")
        self.label = label
        traces = recorded.map { (1 / Double(recorded.count), $0) }
    }

    /// A learned scheduler: its classes are no, a third, two thirds and all of the steps at the high precision (Chen et al. 2025,
    /// section 4.3), which it chooses with these shares.
    /// - Throws: `usage` when these are no four shares that add up to 1, or the precisions do not fall.
    public init(
        learned high: Precision, _ low: Precision, shares: [Double], prefillBits: Precision, promptTokens: Int,
        steps: Int
    ) throws(TaperError) {
        guard shares.count == 4, shares.allSatisfy({ $0 >= 0 && $0 <= 1 }), abs(shares.reduce(0, +) - 1) < 1e-6 else {
            throw TaperError(
                .usage, "not a learned scheduler's shares", at: field("learned"),
                expected: "four that add up to 1: of no, a third, two thirds and all steps at the high precision",
                found: shares.map { shortest($0) }.joined(separator: ","))
        }
        guard low < high else {
            throw TaperError(
                .usage, "precision may only step down", at: field("learned"),
                expected: "fewer than " + high.text + " bits", found: low.text)
        }
        var traces: [(share: Double, trace: PrecisionTrace)] = []
        for (index, share) in shares.enumerated() where share > 0 {
            let highSteps = steps * index / 3
            let bits = (0..<steps).map { $0 < highSteps ? high : low }
            let trace = PrecisionTrace(promptTokens: promptTokens, prefillBits: prefillBits, bitsPerStep: bits)
            traces.append((share, trace))
        }
        label = "learned \(high.text), \(low.text)"
        self.traces = traces
    }

    /// The highest precision that decodes: of Baseline-H.
    var highest: Precision { traces.flatMap { $0.trace.bitsPerStep }.max() ?? Precision.highest }
}

extension PrecisionTrace {
    /// Reads what the runner prints of a generation as JSON, or an array of such.
    /// - Throws: `badData` for anything else, and for one without decode steps.
    public static func recorded(_ json: JSONValue, place: String) throws(TaperError) -> [PrecisionTrace] {
        var all: [PrecisionTrace] = []
        for (index, item) in (json.array ?? [json]).enumerated() {
            let place = json.array == nil ? place : "\(place)[\(index)]"
            func wrong(_ what: String) -> TaperError {
                TaperError(
                    .badData, what, at: place,
                    expected: "the JSON of a run: \"prompt_tokens\", \"prefill_bits\", \"bits_per_step\"")
            }
            guard let prompt = item["prompt_tokens"]?.integer, (1...Simulation.positionLimit).contains(prompt),
                let prefill = Precision(json: item["prefill_bits"]), let steps = item["bits_per_step"]?.array
            else { throw wrong("not a recorded generation") }
            var bits: [Precision] = []
            for step in steps {
                guard let precision = Precision(json: step) else { throw wrong("a step of no precision") }
                bits.append(precision)
            }
            guard (1...Simulation.positionLimit).contains(bits.count) else {
                throw wrong("a generation of \(bits.count) decode steps")
            }
            all.append(PrecisionTrace(promptTokens: prompt, prefillBits: prefill, bitsPerStep: bits))
        }
        guard !all.isEmpty else { throw TaperError(.badData, "no generation was recorded", at: place) }
        return all
    }
}
