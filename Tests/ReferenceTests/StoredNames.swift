import Foundation
import Model
import Storage
import Testing

/// A model's gradients as its published file would have them: under the file's names, and of the file's values.
///
/// Written from the families' papers and files, not from the importer: constants that become part of the weights appear here as
/// the factor by which a gradient changes (chain rule), fused tensors as several gradients one after the other.
struct StoredNames {
    private let json: JSONValue
    private let family: String

    init(_ config: JSONValue) {
        json = config
        family = config["model_type"]?.string ?? ""
    }

    func gradients(_ gradients: [String: [Float]], _ config: ModelConfig) throws -> [String: [Float]] {
        var result: [String: [Float]] = [:]
        for (name, values) in gradients {
            let factor = Float(factor(name, config))
            let scaled = values.map { $0 * factor }
            if let heads = headName(name) {
                for head in 0..<scaled.count / config.headSize {
                    let range = head * config.headSize..<(head + 1) * config.headSize
                    result[heads.replacingOccurrences(of: "*", with: String(head))] = Array(scaled[range])
                }
            } else {
                result[spelling(name)] = scaled
            }
        }
        return family == "phi3" ? try fused(result) : result
    }

    /// Gemma multiplies embeddings by sqrt(hiddenSize); Granite has four multipliers. A tied embedding is divided again on its
    /// way out, by the final norm.
    private func factor(_ name: String, _ config: ModelConfig) -> Double {
        func number(_ key: String) -> Double { json[key]?.double ?? 1 }
        var (embedding, logits, residual, scores) = (1.0, 1.0, 1.0, 1.0)
        if family.hasPrefix("gemma") {
            embedding = Double(config.hiddenSize).squareRoot()
            scores = (Double(config.headSize) / number("query_pre_attn_scalar")).squareRoot()
        }
        if family == "granite" {
            embedding = number("embedding_multiplier")
            logits = 1 / number("logits_scaling")
            residual = number("residual_multiplier")
            scores = number("attention_multiplier") * Double(config.headSize).squareRoot()
        }
        if name == TensorName.embedding { return embedding }
        if name == TensorName.finalNorm { return config.tiedEmbeddings ? logits / embedding : logits }
        if name.contains("o_proj") || name.contains("down_proj") { return residual }
        if name.contains(config.queryKeyNorm == .none ? "q_proj" : "q_norm") { return scores }
        return 1
    }

    /// StableLM keeps one vector for every head.
    private func headName(_ name: String) -> String? {
        guard family == "stablelm" else { return nil }
        for (ours, theirs) in [
            ("q_norm.weight", "q_layernorm.norms.*.weight"), ("k_norm.weight", "k_layernorm.norms.*.weight"),
        ]
        where name.hasSuffix(ours) { return name.replacingOccurrences(of: ours, with: theirs) }
        return nil
    }

    private func spelling(_ name: String) -> String {
        var pairs: [(String, String)] = []
        switch family {
        case "phi":
            pairs = [("self_attn.o_proj", "self_attn.dense"), ("up_proj", "fc1"), ("down_proj", "fc2")]
            if name.hasPrefix("model.norm") { pairs.append(("model.norm", "model.final_layernorm")) }
        case "gemma2", "gemma3_text", "olmo2":
            pairs = [
                ("post_attention_layernorm", "pre_feedforward_layernorm"),
                ("self_attn.output_norm", "post_attention_layernorm"),
                ("mlp.output_norm", "post_feedforward_layernorm"),
            ]
        default: break
        }
        for (ours, theirs) in pairs where name.contains(ours) {
            return name.replacingOccurrences(of: ours, with: theirs)
        }
        return name
    }

    private func fused(_ gradients: [String: [Float]]) throws -> [String: [Float]] {
        var result = gradients
        for (name, parts) in [
            ("self_attn.qkv_proj", ["q_proj", "k_proj", "v_proj"]), ("mlp.gate_up_proj", ["gate_proj", "up_proj"]),
        ] {
            let (block, whole) = (name.split(separator: ".")[0], name.split(separator: ".")[1])
            for key in gradients.keys where key.hasSuffix("\(block).\(parts[0]).weight") {
                let prefix = String(key.dropLast("\(parts[0]).weight".count))
                var all: [Float] = []
                for part in parts {
                    let values = result.removeValue(forKey: "\(prefix)\(part).weight")
                    all += try #require(values)
                }
                result["\(prefix)\(whole).weight"] = all
            }
        }
        return result
    }
}
