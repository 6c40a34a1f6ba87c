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
            guard let local = try localTheta() else { return (full, nil) }
            guard key == "rope_scaling" || members.isEmpty else {
                throw TaperError(
                    .unsupported, "one rotation for layers with a window and without", at: place,
                    expected: "full_attention and sliding_attention", found: printable(dictionary.text(), limit: 40))
            }
            return (full, Rotation(theta: local, size: full.size))
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
        let slidingFields = ConfigFields(json: sliding, place: place + ": sliding_attention")
        var local = try rotation(slidingFields, needsType: false)
        if slidingFields.value("rope_theta") == nil, let theta = try localTheta() { local.theta = theta }
        return (try rotation(ConfigFields(json: full, place: place + ": full_attention"), needsType: false), local)
    }

    /// Of layers with a window, where nothing beside the scaling says it; nil: of a family in which all turn alike.
    private func localTheta() throws(TaperError) -> Double? {
        guard let usual = defaults.localRopeTheta else { return nil }
        return try fields.number("rope_local_base_freq", default: usual)
    }

    private static let keys: Set<String> = [
        "rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "low_freq_factor", "high_freq_factor",
        "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim",
        "truncate", "finetuned", "long_factor", "short_factor",
    ]

    private func rotation(_ rope: ConfigFields, needsType: Bool) throws(TaperError) -> Rotation {
        for member in rope.json.members ?? [] where !HuggingFaceRotation.keys.contains(member.key) {
            guard !member.value.isNull else { continue }
            throw TaperError(
                .unsupported, "a rotation that is not supported", at: rope.place,
                expected: "default, linear, llama3, yarn or longrope", found: "'" + printable(member.key) + "'")
        }
        let theta =
            rope.value("rope_theta") != nil
            ? try rope.number("rope_theta") : try fields.number("rope_theta", default: defaults.ropeTheta)
        var result = Rotation(theta: theta, size: try size(rope))
        // "type" is the older spelling.
        let type = try rope.text(rope.value("rope_type") != nil ? "rope_type" : "type")
        if type == nil && needsType { throw rope.wrong("rope_type", "a string") }
        for key in ["short_factor", "long_factor"] where type != "longrope" && type != "su" && rope.value(key) != nil {
            throw TaperError(
                .unsupported, "factors of LongRoPE in another rotation", at: rope.place, expected: "rope_type longrope",
                found: key + " in " + printable(type ?? "default"))
        }
        switch type ?? "default" {
        case "default": break
        case "linear":
            result.scaling = .linear(factor: try positive(rope, "factor"))
        case "llama3":
            let low = try positive(rope, "low_freq_factor")
            let high = try positive(rope, "high_freq_factor")
            guard high > low else { throw rope.wrong("high_freq_factor", "more than low_freq_factor") }
            guard let original = try trainedPositions(rope) else {
                throw rope.wrong("original_max_position_embeddings", "a positive number")
            }
            result.scaling = .llama3(
                factor: try positive(rope, "factor"), lowFrequency: low, highFrequency: high,
                originalContext: original)
        case "yarn":
            result.scaling = .yarn(try yarn(rope))
        case "longrope", "su":
            result.scaling = try longRope(rope, pairs: result.size / 2)
        case let other:
            throw TaperError(
                .unsupported, "unknown rope_type", at: rope.place,
                expected: "default, linear, llama3, yarn or longrope",
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

    /// `original_max_position_embeddings`, which some files have beside the scaling; nil: nowhere. Versions of transformers differ in
    /// which of two they take.
    private func trainedPositions(_ rope: ConfigFields) throws(TaperError) -> Double? {
        let key = "original_max_position_embeddings"
        var found: Double?
        for place in [rope, fields] where place.value(key) != nil {
            let positions = try positive(place, key)
            guard found == nil || found == positions else {
                throw TaperError(
                    .badData, key + " has two values", at: fields.place, expected: shortest(positions),
                    found: shortest(found ?? positions) + " in " + rope.place)
            }
            found = positions
        }
        return found
    }

    /// As transformers resolves what is left out: beta_fast 32, beta_slow 1, and the paper's factor of the scores, which
    /// `mscale` and `mscale_all_dim` change when both are given.
    private func yarn(_ rope: ConfigFields) throws(TaperError) -> YaRN {
        let factor = try positive(rope, "factor")
        var yarn = YaRN(
            factor: factor, originalContext: try trainedPositions(rope) ?? Double(contextLength))
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

    /// Positions up to which LongRoPE's short factors hold; nil where nothing depends on the length of the text.
    ///
    /// Beyond them other software turns all tokens anew, by the long factors; keys in a cache cannot follow.
    func contextLimit() throws(TaperError) -> Int? {
        let rope = fields.value("rope_parameters") ?? fields.value("rope_scaling")
        let inner = ConfigFields(json: rope ?? .object([]), place: fields.place)
        guard inner.value("short_factor") != nil else { return nil }
        let original = try originalContext(inner)
        return original < contextLength ? original : nil
    }

    private func originalContext(_ rope: ConfigFields) throws(TaperError) -> Int {
        let key = "original_max_position_embeddings"
        guard let positions = try trainedPositions(rope), let value = Int(exactly: positions), value > 1 else {
            throw (rope.value(key) != nil ? rope : fields).wrong(key, "an integer above 1")
        }
        return value
    }

    private func longRope(_ rope: ConfigFields, pairs: Int) throws(TaperError) -> Rotation.Scaling {
        func factors(_ key: String) throws(TaperError) -> [Double] {
            let items = rope.value(key)?.array ?? []
            let list = items.compactMap { $0.double }.filter { $0.isFinite && $0 > 0 }
            guard list.count == pairs, items.count == pairs else {
                throw rope.wrong(key, "\(pairs) positive numbers")
            }
            return list
        }
        // Read, so that a file that lacks them is noticed.
        _ = try factors("long_factor")
        let original = try originalContext(rope)
        var stretch = Double(contextLength) / Double(original)
        if rope.value("factor") != nil { stretch = try positive(rope, "factor") }
        var magnitude = stretch <= 1 ? 1 : (1 + logarithm(stretch) / logarithm(Double(original))).squareRoot()
        if rope.value("attention_factor") != nil { magnitude = try positive(rope, "attention_factor") }
        return .perPair(divisors: try factors("short_factor"), magnitude: magnitude)
    }

    private func positive(_ fields: ConfigFields, _ key: String) throws(TaperError) -> Double {
        let value = try fields.number(key)
        guard value > 0 else { throw fields.wrong(key, "a positive number") }
        return value
    }
}
