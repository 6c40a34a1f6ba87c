public import Model
public import Storage

/// The section "quality": full precision and every precision and schedule of the bundle, measured on one text. No reader needs
/// it, so it is any JSON of that schema, of which a bundle keeps every byte; keys stand here only.
public struct Quality: Sendable {
    public static let schema = "taper-quality-1"
    /// Label of the row that the others are compared with.
    public static let fullPrecision = "full precision"

    public let json: JSONValue

    public init(_ json: JSONValue) { self.json = json }

    /// - Parameters:
    ///   - text: name of the text.
    ///   - checksum: of its file.
    ///   - rule: how it was cut; `windows` of `window` tokens.
    public init(text: String, checksum: UInt64, rule: JSONValue, rows: [Row]) {
        json = .object([
            .init("schema", .string(Quality.schema)), .init("text", .string(text)),
            .init("text_checksum", .string(String(checksum, radix: 16))), .init("protocol", rule),
            .init("results", .array(rows.map { $0.json })),
        ])
    }

    public var text: String? { json["text"]?.string }
    /// Hexadecimal.
    public var textChecksum: String? { json["text_checksum"]?.string }
    public var windowCount: Int { json["protocol"]?["windows"]?.integer ?? 0 }
    /// Tokens of a window.
    public var window: Int { json["protocol"]?["window"]?.integer ?? 0 }
    public var rows: [Row] { (json["results"]?.array ?? []).map { Row($0) } }

    /// Perplexity of full precision.
    public var fullPerplexity: Double? { rows.first { $0.label == Quality.fullPrecision }?.perplexity }
    public func row(_ bits: Precision) -> Row? { rows.first { $0.bits == bits } }
    /// Perplexity over that of full precision; nil where it was not measured.
    public func overFull(_ row: Row?) -> Double? {
        guard let full = fullPerplexity, full > 0, let own = row?.perplexity else { return nil }
        return own / full
    }

    /// With so many times the perplexity of full precision a model writes nothing of use.
    public static let uselessRatio = 10.0

    /// What is to be said of those precisions that write nothing of use; nil when there are none.
    public func warning(of precisions: [Precision]) -> String? {
        var text = ""
        for bits in precisions {
            guard let ratio = overFull(row(bits)), ratio >= Quality.uselessRatio else { continue }
            text += (text.isEmpty ? "" : ", ") + bits.text + " bits has " + fixed(ratio, 0)
        }
        if text.isEmpty { return nil }
        return text
            + " times the perplexity of full precision: expect no sensible text of it. More effort in the conversion may help"
    }
    /// What was measured of a schedule, unless another has replaced it.
    public func row(_ record: CalibratedSchedule) -> Row? {
        rows.first { row in
            // A schedule of one step is a constant precision.
            row.label == record.label
                && (record.schedule.steps.count == 1
                    ? row.bits == record.schedule.steps[0].bits : row.schedule == record.schedule.text)
        }
    }

    /// The same without what was measured of rungs.
    public func withoutRungs() -> Quality {
        guard let members = json.members else { return self }
        let kept = JSONValue.array(rows.filter { !($0.bits?.isRung ?? false) }.map { $0.json })
        return Quality(
            .object(members.map { $0.key == "results" && $0.value.array != nil ? .init($0.key, kept) : $0 }))
    }
}

extension Quality {
    /// One precision or schedule.
    public struct Row: Sendable {
        public let json: JSONValue

        public init(_ json: JSONValue) { self.json = json }

        /// - Parameters:
        ///   - bits: nil for full precision and schedules.
        ///   - schedule: of several steps, with its average bits.
        ///   - bytesPerToken: weights read per decoded token.
        ///   - overFull: perplexity over that of full precision.
        ///   - meanDivergence: KL(full || this), nats a token.
        ///   - divergence99: what 99% of the tokens do not exceed.
        ///   - topAgreement: share of tokens with the same likeliest token.
        public init(
            label: String, bits: Precision?, schedule: (text: String, averageBits: Double?)?, bytesPerToken: Int?,
            perplexity: Double, overFull: Double?, meanDivergence: Double?, divergence99: Double?, topAgreement: Double?
        ) {
            func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
            var members: [JSONValue.Member] = [.init("label", .string(label)), .init("bits", bits?.json ?? .null)]
            if let schedule {
                members.append(.init("schedule", .string(schedule.text)))
                members.append(.init("average_bits", optional(schedule.averageBits)))
            }
            members += [
                .init("bytes_per_token", bytesPerToken.map { .integer($0) } ?? .null),
                .init("perplexity", .number(perplexity)), .init("over_full", optional(overFull)),
                .init("kl_mean", optional(meanDivergence)), .init("kl_p99", optional(divergence99)),
                .init("top1_agreement", optional(topAgreement)),
            ]
            json = .object(members)
        }

        public var label: String? { json["label"]?.string }
        public var bits: Precision? { Precision(json: json["bits"]) }
        public var schedule: String? { json["schedule"]?.string }
        public var bytesPerToken: Int? { json["bytes_per_token"]?.integer }
        public var perplexity: Double? { json["perplexity"]?.double }
        public var meanDivergence: Double? { json["kl_mean"]?.double }
        public var divergence99: Double? { json["kl_p99"]?.double }
        public var topAgreement: Double? { json["top1_agreement"]?.double }
    }
}

extension Bundle {
    /// nil: nothing was measured.
    public func quality() throws(TaperError) -> Quality? { try json(SectionName.quality).map { Quality($0) } }
}
