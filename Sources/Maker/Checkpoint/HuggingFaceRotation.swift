import Model
import Storage

/// The rotations of a config.json: `rope_parameters` of transformers 5, which may differ by kind of layer, or `rope_theta`,
/// `rope_scaling` and their like of transformers 4.
struct HuggingFaceRotation {
    let fields: ConfigFields
    let defaults: ModelFamily.Defaults
    let headSize: Int
    /// `max_position_embeddings`.
    let contextLength: Int

    /// Of the kinds of layers; nil for a kind that has none of its own.
    func read() throws(TaperError) -> (full: Rotation, sliding: Rotation?) {
        let key = fields.value("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
        let dictionary = fields.value(key) ?? .object([])
        guard let members = dictionary.members else { throw fields.wrong(key, "an object or null") }
        guard key == "rope_scaling" || fields.value("rope_scaling")?.members?.isEmpty != false else {
            throw TaperError(
                .unsupported, "rope_parameters and rope_scaling at once", at: fields.place, expected: "one of them")
        }
        let place = fields.place + ": " + key
        let kinds = members.filter { $0.value.members != nil }
        if kinds.isEmpty {
            let rope = ConfigFields(json: dictionary, place: place)
            let isUntyped = key == "rope_scaling" && !members.isEmpty
            let full = try rotation(rope, needsType: isUntyped)
            // Gemma 3 in the spelling of transformers 4: layers with a window have a base of their own and no scaling.
            guard fields.value("rope_local_base_freq") != nil else { return (full, nil) }
            return (full, Rotation(theta: try fields.number("rope_local_base_freq"), size: full.size))
        }
        for member in members where member.key != "full_attention" && member.key != "sliding_attention" {
            throw TaperError(
                .unsupported, "rotations of an unknown kind of layer", at: place,
                expected: "full_attention or sliding_attention", found: "'" + printable(member.key) + "'")
        }
        guard let full = dictionary["full_attention"], let sliding = dictionary["sliding_attention"] else {
            throw TaperError(
                .badData, "rotations of one kind of layer only", at: place,
                expected: "full_attention and sliding_attention")
        }
        return (
            try rotation(ConfigFields(json: full, place: place + ": full_attention"), needsType: false),
            try rotation(ConfigFields(json: sliding, place: place + ": sliding_attention"), needsType: false)
        )
    }

    private static let keys: Set<String> = [
        "rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "low_freq_factor", "high_freq_factor",
        "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim",
        "truncate", "finetuned",
    ]

    private func rotation(_ rope: ConfigFields, needsType: Bool) throws(TaperError) -> Rotation {
        for member in rope.json.members ?? [] where !HuggingFaceRotation.keys.contains(member.key) {
            // Long and short factors stand for a rotation that depends on the length of the text.
            guard !member.value.isNull else { continue }
            throw TaperError(
                .unsupported, "a rotation that is not supported", at: rope.place,
                expected: "default, linear, llama3 or yarn", found: "'" + printable(member.key) + "'")
        }
        let theta =
            rope.value("rope_theta") != nil
            ? try rope.number("rope_theta") : try fields.number("rope_theta", default: defaults.ropeTheta)
        var result = Rotation(theta: theta, size: try size(rope))
        // "type" is the older spelling.
        let type = try rope.text(rope.value("rope_type") != nil ? "rope_type" : "type")
        if type == nil && needsType { throw rope.wrong("rope_type", "a string") }
        switch type ?? "default" {
        case "default": break
        case "linear":
            result.scaling = .linear(factor: try positive(rope, "factor"))
        case "llama3":
            let low = try positive(rope, "low_freq_factor")
            let high = try positive(rope, "high_freq_factor")
            guard high > low else { throw rope.wrong("high_freq_factor", "more than low_freq_factor") }
            result.scaling = .llama3(
                factor: try positive(rope, "factor"), lowFrequency: low, highFrequency: high,
                originalContext: try positive(rope, "original_max_position_embeddings"))
        case "yarn":
            result.scaling = .yarn(try yarn(rope))
        case let other:
            throw TaperError(
                .unsupported, "unknown rope_type", at: rope.place, expected: "default, linear, llama3 or yarn",
                found: "'" + printable(other) + "'")
        }
        return result
    }

    private func size(_ rope: ConfigFields) throws(TaperError) -> Int {
        let place = rope.value("partial_rotary_factor") != nil ? rope : fields
        let partial = try place.number("partial_rotary_factor", default: defaults.partialRotary ?? 1)
        guard partial > 0, partial <= 1 else {
            throw fields.wrong("partial_rotary_factor", "a number above 0, at most 1")
        }
        guard partial == 1 || defaults.partialRotary != nil else {
            throw TaperError(
                .unsupported, "partial_rotary_factor is not supported for this family", at: fields.place,
                expected: "1", found: shortest(partial))
        }
        return Int(Double(headSize) * partial)
    }

    /// As transformers resolves what is left out: beta_fast 32, beta_slow 1, and the paper's factor of the scores, which
    /// `mscale` and `mscale_all_dim` change when both are given.
    private func yarn(_ rope: ConfigFields) throws(TaperError) -> YaRN {
        let factor = try positive(rope, "factor")
        var yarn = YaRN(
            factor: factor,
            originalContext: rope.value("original_max_position_embeddings") != nil
                ? try positive(rope, "original_max_position_embeddings") : Double(contextLength))
        if rope.value("beta_fast") != nil { yarn.betaFast = try positive(rope, "beta_fast") }
        if rope.value("beta_slow") != nil { yarn.betaSlow = try positive(rope, "beta_slow") }
        yarn.truncates = try rope.flag("truncate", default: true)
        if rope.value("attention_factor") != nil {
            yarn.attentionFactor = try positive(rope, "attention_factor")
        } else if rope.value("mscale") != nil, rope.value("mscale_all_dim") != nil {
            let (one, all) = (try rope.number("mscale"), try rope.number("mscale_all_dim"))
            if one != 0 && all != 0 {
                yarn.attentionFactor = YaRN.sharpening(factor, scale: one) / YaRN.sharpening(factor, scale: all)
            }
        }
        return yarn
    }

    private func positive(_ fields: ConfigFields, _ key: String) throws(TaperError) -> Double {
        let value = try fields.number(key)
        guard value > 0 else { throw fields.wrong(key, "a positive number") }
        return value
    }
}
