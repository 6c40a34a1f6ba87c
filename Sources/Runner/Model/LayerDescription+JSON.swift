import Storage

// An entry of "layers" holds what differs from the model's own keys: a window, null for none, and a rotation, null for none.
extension LayerDescription {
    func json(differingFrom base: LayerDescription) -> JSONValue {
        var members: [JSONValue.Member] = []
        if window != base.window {
            members.append(.init("sliding_window", window.map { .integer($0) } ?? .null))
        }
        if rotation != base.rotation { members.append(.init("rope", rotation?.json ?? .null)) }
        return .object(members)
    }

    init(json: JSONValue, differingFrom base: LayerDescription, place: String) throws(TaperError) {
        let fields = ModelFields(json: json, place: place)
        try fields.refuseOthers(than: ["sliding_window", "rope"])
        self = base
        if json["sliding_window"] != nil { window = try fields.window() }
        if let rope = json["rope"] {
            rotation = rope.isNull ? nil : try Rotation(ModelFields(json: rope, place: place + ": rope"), strict: true)
        }
    }
}

extension Rotation {
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("rope_theta", .number(theta)), .init("rotary_dim", .integer(size)),
        ]
        if let scalingJSON { members.append(.init("rope_scaling", scalingJSON)) }
        return .object(members)
    }

    /// nil: none.
    var scalingJSON: JSONValue? {
        switch scaling {
        case .none: nil
        case .linear(let factor): .object([.init("rope_type", .string("linear")), .init("factor", .number(factor))])
        case .llama3(let factor, let low, let high, let original):
            .object([
                .init("rope_type", .string("llama3")), .init("factor", .number(factor)),
                .init("low_freq_factor", .number(low)), .init("high_freq_factor", .number(high)),
                .init("original_max_position_embeddings", .number(original)),
            ])
        case .yarn(let yarn):
            .object([
                .init("rope_type", .string("yarn")), .init("factor", .number(yarn.factor)),
                .init("original_max_position_embeddings", .number(yarn.originalContext)),
                .init("beta_fast", .number(yarn.betaFast)), .init("beta_slow", .number(yarn.betaSlow)),
                .init("attention_factor", .number(yarn.attentionFactor)), .init("truncate", .bool(yarn.truncates)),
            ])
        case .perPair(let divisors, let magnitude):
            .object([
                .init("rope_type", .string("longrope")), .init("factors", .array(divisors.map { .number($0) })),
                .init("attention_factor", .number(magnitude)),
            ])
        }
    }

    /// - Parameter strict: the object holds nothing but a rotation.
    init(_ fields: ModelFields, strict: Bool = false) throws(TaperError) {
        if strict { try fields.refuseOthers(than: ["rope_theta", "rotary_dim", "rope_scaling"]) }
        self.init(theta: try fields.number("rope_theta"), size: try fields.integer("rotary_dim"))
        guard let object = fields.json["rope_scaling"] else { return }
        let inner = ModelFields(json: object, place: fields.place + ": rope_scaling")
        switch object["rope_type"]?.string {
        case "linear":
            try inner.refuseOthers(than: ["rope_type", "factor"])
            scaling = .linear(factor: try inner.number("factor"))
        case "llama3":
            try inner.refuseOthers(
                than: [
                    "rope_type", "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
                ])
            scaling = .llama3(
                factor: try inner.number("factor"), lowFrequency: try inner.number("low_freq_factor"),
                highFrequency: try inner.number("high_freq_factor"),
                originalContext: try inner.number("original_max_position_embeddings"))
        case "yarn":
            try inner.refuseOthers(
                than: [
                    "rope_type", "factor", "original_max_position_embeddings", "beta_fast", "beta_slow",
                    "attention_factor", "truncate",
                ])
            scaling = .yarn(
                YaRN(
                    factor: try inner.number("factor"),
                    originalContext: try inner.number("original_max_position_embeddings"),
                    betaFast: try inner.number("beta_fast"), betaSlow: try inner.number("beta_slow"),
                    attentionFactor: try inner.number("attention_factor"), truncates: try inner.flag("truncate")))
        case "longrope":
            try inner.refuseOthers(than: ["rope_type", "factors", "attention_factor"])
            guard let list = object["factors"]?.array else { throw inner.wrong("factors", "an array of numbers") }
            var divisors: [Double] = []
            for item in list {
                guard let divisor = item.double else { throw inner.wrong("factors", "an array of numbers") }
                divisors.append(divisor)
            }
            scaling = .perPair(divisors: divisors, magnitude: try inner.number("attention_factor"))
        default:
            guard object.members != nil else { throw fields.wrong("rope_scaling", "an object") }
            throw inner.wrong("rope_type", "\"linear\", \"llama3\", \"yarn\" or \"longrope\"")
        }
    }
}
