import Model
import Storage

extension ModelFamily {
    /// SmolLM3 3B: LLaMA in which nothing turns queries and keys of every fourth layer (NoPE, arXiv 2305.19466).
    static let smollm3 = ModelFamily(
        name: "smollm3", architecture: "SmolLM3ForCausalLM",
        defaults: Defaults(contextLength: 32768, kvHeads: 4, ropeTheta: 2e6, tiedEmbeddings: true),
        keys: biasKeys.union(["no_rope_layers", "no_rope_layer_interval"]), windows: .listedOrUnturned,
        describe: { fields, imported throws(TaperError) in
            try imported.model.readBiases(fields)
            let count = imported.model.layerCount
            let interval = try fields.integer("no_rope_layer_interval", default: 4)
            guard interval > 0 else { throw fields.wrong("no_rope_layer_interval", "a positive integer") }
            // Whatever its name says, a one marks a layer that turns.
            var turns = (0..<count).map { ($0 + 1) % interval != 0 }
            if let list = fields.value("no_rope_layers") {
                let marks = (list.array ?? []).map { $0.integer }
                guard marks.count == count, marks.allSatisfy({ $0 == 0 || $0 == 1 }) else {
                    throw fields.wrong("no_rope_layers", "a list of \(count) zeros and ones")
                }
                turns = marks.map { $0 == 1 }
            }
            var window: Int?
            if fields.value("layer_types") == nil, try fields.flag("use_sliding_window", default: false),
                fields.value("sliding_window") != nil
            {
                window = try fields.integer("sliding_window")
            }
            for (layer, turns) in turns.enumerated() where !turns {
                imported.model.layers[layer].rotation = nil
                if let window, window < imported.model.contextLength { imported.model.layers[layer].window = window }
            }
        },
        gguf: GGUFFamily(
            architecture: "smollm3", interleaves: true,
            describe: { _, imported in
                // No key says it; llama.cpp takes every fourth layer.
                for layer in imported.model.layers.indices where (layer + 1) % 4 == 0 {
                    imported.model.layers[layer].rotation = nil
                }
            }))
}
