public import Model
public import Storage

/// One model on a text: a precision or schedule of a bundle, or a checkpoint.
public struct QualityResult: Sendable {
    /// Label of the model that others are compared with when it is measured beside them.
    public static let fullPrecision = "full precision"

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

    public var json: JSONValue {
        func optional(_ value: Double?) -> JSONValue { value.map { .number(rounded($0)) } ?? .null }
        var members: [JSONValue.Member] = [
            .init("label", .string(label)),
            .init("bits", bits?.json ?? .null),
        ]
        if let schedule {
            members.append(.init("schedule", .string(schedule)))
            members.append(.init("average_bits", optional(averageBits)))
        }
        return .object(
            members + [
                .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
                .init("perplexity", .number(rounded(comparison.perplexity))),
                .init("over_full", optional(overFull)),
                .init("kl_mean", optional(comparison.meanDivergence)),
                .init("kl_p99", optional(comparison.divergence99)),
                .init("top1_agreement", optional(comparison.topAgreement)),
            ])
    }
}

/// Six significant digits: what the measurement supports, and the same text on every machine.
func rounded(_ value: Double) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let digits = 6 - Int((logarithm(abs(value)) / logarithm(10)).rounded(.down)) - 1
    return parseDouble(fixed(value, max(0, digits))) ?? value
}
