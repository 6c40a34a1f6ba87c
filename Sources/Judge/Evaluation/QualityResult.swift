public import Bundle
public import Model
public import Storage

/// One model on a text: a precision or schedule of a bundle, or a checkpoint.
public struct QualityResult: Sendable {
    public var label: String
    /// nil for schedules and checkpoints.
    public var bits: Precision?
    public var comparison = LogitComparison()
    /// Bytes of weights read per decoded token; of a schedule the mean over the steps measured; nil where unknown.
    public var bytesPerToken: Int?
    /// "6@0,4@32" of a schedule with several steps.
    public var schedule: String?
    /// Of a schedule: mean over the steps measured.
    public var averageBits: Double?
    /// Perplexity of the model compared with, on the same tokens.
    public var fullPerplexity: Double?

    public init(label: String, bits: Precision? = nil, bytesPerToken: Int? = nil) {
        self.label = label
        self.bits = bits
        self.bytesPerToken = bytesPerToken
    }

    /// Perplexity over that of full precision.
    public var overFull: Double? { fullPerplexity.map { comparison.perplexity / $0 } }

    /// As reports and bundles have it: to six significant digits.
    public var row: Quality.Row {
        Quality.Row(
            label: label, bits: bits, schedule: schedule.map { ($0, averageBits.map(rounded)) },
            bytesPerToken: bytesPerToken, perplexity: rounded(comparison.perplexity), overFull: overFull.map(rounded),
            meanDivergence: comparison.meanDivergence.map(rounded),
            divergence99: comparison.divergence99.map(rounded), topAgreement: comparison.topAgreement.map(rounded))
    }
    public var json: JSONValue { row.json }
}

/// Six significant digits: what the measurement supports, and the same text on every machine.
func rounded(_ value: Double) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let digits = 6 - Int((logarithm(abs(value)) / logarithm(10)).rounded(.down)) - 1
    return parseDouble(fixed(value, max(0, digits))) ?? value
}
