import Model
import Storage

/// The rotations that a GGUF file's metadata gives.
struct GGUFRotation {
    let fields: GGUFFields
    let headSize: Int
    /// Only a part of every head may turn.
    let turnsInPart: Bool

    /// - Parameter frequencies: the tensor of divisors, where there is one.
    func read(frequencies: StoredTensor?) throws(TaperError) -> Rotation {
        var rotation = Rotation(
            theta: try fields.number("rope.freq_base", default: 10000),
            size: try fields.integer("rope.dimension_count", default: headSize))
        guard rotation.size == headSize || turnsInPart else {
            throw TaperError(
                .unsupported, "partial rotation is not supported for " + fields.architecture,
                at: fields.place(fields.key("rope.dimension_count")), expected: String(headSize),
                found: String(rotation.size))
        }
        for name in ["rope_factors_long.weight", "rope_factors_short.weight"] where fields.has(tensor: name) {
            throw TaperError(
                .unsupported, "a rotation that depends on the length of the text", at: fields.file.file.path,
                found: "tensor '" + name + "'", remedy: "Models of the same family with a shorter context can be read")
        }
        try rotation.validate(headSize: headSize, place: fields.place(nil))
        rotation.scaling = try scaling()
        guard let frequencies else { return rotation }
        let divided = try divided(frequencies, Rotation(theta: rotation.theta, size: rotation.size))
        guard divided == .none || rotation.scaling == .none else {
            throw TaperError(
                .unsupported, "two RoPE scalings at once", at: fields.place(nil),
                expected: "a factor or the tensor 'rope_freqs.weight'", found: "both")
        }
        if divided != .none { rotation.scaling = divided }
        return rotation
    }

    /// That of layers with a window.
    func local(_ rule: GGUFFamily.Windows.LocalRotation, beside full: Rotation) throws(TaperError) -> Rotation {
        var usual = full.theta
        switch rule {
        case .shared: return full
        case .unscaled: break
        case .own(let theta): usual = theta
        }
        let theta = try fields.number("rope.freq_base_swa", default: usual)
        let rotation = Rotation(theta: theta, size: full.size)
        try rotation.validate(headSize: headSize, place: fields.place(nil))
        return rotation
    }

    private func scaling() throws(TaperError) -> Rotation.Scaling {
        // A factor without a type is linear, and older files have it under another name; 0 stands for none.
        let factor =
            try fields.has("rope.scaling.factor")
            ? fields.factor("rope.scaling.factor") : fields.factor("rope.scale_linear")
        switch try fields.text("rope.scaling.type") ?? "linear" {
        case "none": return .none
        case "linear":
            guard let factor, factor != 1 else { return .none }
            return .linear(factor: factor)
        case "yarn":
            return .yarn(try yarn(factor: factor ?? 1))
        case let other:
            throw TaperError(
                .unsupported, "unknown RoPE scaling", at: fields.place(fields.key("rope.scaling.type")),
                expected: "none, linear or yarn", found: "'" + printable(other) + "'",
                remedy: "This scaling is not implemented; models of other scalings can be converted")
        }
    }

    /// llama.cpp reads the constants of some architectures only; the converter writes them for all whose config has them, and
    /// then the model was trained with them.
    private func yarn(factor: Double) throws(TaperError) -> YaRN {
        let context = try fields.integer("context_length")
        // The share of the frequencies that are kept; 0 would be linear scaling under another name.
        let key = "rope.scaling.yarn_ext_factor"
        let share = try fields.number(key, default: 1)
        guard share == 1 else {
            throw TaperError(
                .unsupported, "YaRN in part", at: fields.place(fields.key(key)), expected: "1", found: shortest(share))
        }
        var yarn = YaRN(
            factor: factor,
            originalContext: Double(try fields.integer("rope.scaling.original_context_length", default: context)))
        if let fast = try fields.factor("rope.scaling.yarn_beta_fast") { yarn.betaFast = fast }
        if let slow = try fields.factor("rope.scaling.yarn_beta_slow") { yarn.betaSlow = slow }
        if let stated = try fields.factor("rope.scaling.yarn_attn_factor") { yarn.attentionFactor = stated }
        guard yarn.betaFast > yarn.betaSlow else {
            throw TaperError(
                .badData, "YaRN's constants are in the wrong order", at: fields.place(nil),
                expected: "yarn_beta_fast above yarn_beta_slow",
                found: shortest(yarn.betaFast) + " and " + shortest(yarn.betaSlow))
        }
        return yarn
    }

    /// Llama 3.1's scaling stands in GGUF files only as its result, one divisor per pair of channels. The published models'
    /// constants are tried with every context; the result must be reproduced.
    private func divided(_ tensor: StoredTensor, _ plain: Rotation) throws(TaperError) -> Rotation.Scaling {
        let place = tensor.file.path + ": tensor 'rope_freqs.weight'"
        guard tensor.shape == [plain.size / 2], tensor.encoding.decoder == .f32 else {
            throw TaperError(
                .badData, "no usable RoPE divisors", at: place,
                expected: "[" + String(plain.size / 2) + "] of F32",
                found: shapeText(tensor.shape) + " of " + tensor.encoding.name)
        }
        let divisors = TensorView(stored: tensor, shape: tensor.shape).decode(rows: 0..<1, with: .f32)
        if divisors.allSatisfy({ $0 == 1 }) { return .none }
        let frequencies = plain.frequencies()
        let factor = Double(divisors.max() ?? 1)
        // 8192 first, which nearly all have.
        for original in [8192.0] + (4...20).map({ Double(1 << $0) }) where factor.isFinite && factor > 0 {
            let scaling = Rotation.Scaling.llama3(
                factor: factor, lowFrequency: 1, highFrequency: 4, originalContext: original)
            let scaled = Rotation(theta: plain.theta, size: plain.size, scaling: scaling).frequencies()
            let matches = divisors.indices.allSatisfy { pair in
                abs(frequencies[pair] / scaled[pair] / Double(divisors[pair]) - 1) < 1e-4
            }
            if matches { return scaling }
        }
        throw TaperError(
            .unsupported, "RoPE divisors that are not Llama 3.1's", at: place,
            remedy: "Use the Hugging Face checkpoint of this model")
    }
}
