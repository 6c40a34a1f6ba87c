import Bundle
import Model
import Storage
import Testing

extension TinyBundle {
    /// Classifiers for two steps down, small enough for a golden file.
    static var learned: LearnedScheduler {
        let shape = ClassifierShape(kvHeads: 1, headSize: 4, queries: 2, hidden: 3)
        func weights(_ name: String) -> [Float] {
            var noise = Noise(name)
            return noise.floats(shape.weightCount)
        }
        return LearnedScheduler(
            prefillBits: 4, maxNewTokens: 48, window: 32, shape: shape,
            pairs: [
                .init(
                    high: 4, low: 3, confidence: 0.75, weights: weights("4 to 3"),
                    evidence: .object([.init("prompts", .integer(10))])),
                .init(high: 3, low: 2, confidence: 1, weights: weights("3 to 2"), evidence: .null),
            ])
    }
    static var withLearned: TinyBundle {
        var tiny = TinyBundle(precisions: [2, 3, 4], tokenizer: nil, documents: [])
        tiny.learned = learned
        return tiny
    }
}

extension HostileCase {
    private static func learned(
        _ name: String, _ says: String, _ code: TaperError.Code = .badData,
        _ edit: @escaping @Sendable (inout Forge) throws -> Void
    ) -> HostileCase {
        HostileCase(name: "learned-" + name, code: code, says: says) {
            var forge = Forge(try TinyBundle.withLearned.bytes())
            try edit(&forge)
            return forge.bytes()
        }
    }
    private static func facts(
        _ name: String, _ says: String, _ old: String, _ new: String, _ code: TaperError.Code = .badData
    ) -> HostileCase {
        learned(name, says, code) { try $0.edit("learned", old, new) }
    }
    private static let pairs = "[{\"high\":4,\"low\":3,\"confidence\":0.75,"

    /// Of a bundle with a learned scheduler.
    static let learnedScheduler: [HostileCase] = [
        learned("weights-missing", "section learned.weights is missing") {
            $0.sections.remove(at: $0.index("learned.weights"))
        },
        learned("facts-missing", "section learned is missing") { $0.sections.remove(at: $0.index("learned")) },
        facts("schema", "unknown schema", "taper-learned-1", "taper-learned-9", .unsupported),
        facts("kv-heads", "kv_heads", "\"kv_heads\":1", "\"kv_heads\":2"),
        facts("head-size", "head_size", "\"head_size\":4", "\"head_size\":8"),
        facts("window-0", "window", "\"window\":32", "\"window\":0"),
        facts("window-uneven", "window", "\"window\":32", "\"window\":40"),
        facts("window-too-large", "window", "\"window\":32", "\"window\":4112"),
        facts("queries-0", "queries", "\"queries\":2", "\"queries\":0"),
        facts("queries-too-many", "queries", "\"queries\":2", "\"queries\":65"),
        facts("hidden-too-many", "hidden", "\"hidden\":3", "\"hidden\":1025"),
        facts("no-tokens", "max_new_tokens", "\"max_new_tokens\":48", "\"max_new_tokens\":0"),
        facts("no-pairs", "pairs", "\"pairs\":" + pairs, "\"pairs\":[],\"x\":" + pairs),
        facts(
            "pairs-too-many", "pairs", "\"pairs\":" + pairs,
            "\"pairs\":[" + String(repeating: "0,", count: 16) + "0],\"x\":" + pairs),
        facts("pair-rises", "must step down", "\"high\":4,\"low\":3", "\"high\":3,\"low\":4"),
        facts("pairs-with-a-gap", "must step down", "\"high\":3,\"low\":2", "\"high\":4,\"low\":2"),
        facts("precision-missing", "missing or none", "\"high\":3,\"low\":2", "\"high\":3"),
        facts("precision-not-held", "holds no 5-bit", "\"high\":4,\"low\":3", "\"high\":5,\"low\":3"),
        facts("confidence-missing", "pairs", "\"confidence\":0.75,", ""),
        facts("confidence-above-1", "pairs", "\"confidence\":0.75", "\"confidence\":1.25"),
        facts("prefill-not-held", "holds no 6-bit", "\"prefill_bits\":4", "\"prefill_bits\":6"),
        facts("weights-of-another-shape", "does not match the pairs", "\"hidden\":3", "\"hidden\":4"),
        learned("weights-short", "does not match the pairs") {
            try $0.compress("learned.weights", [UInt8](repeating: 0, count: 4))
        },
        learned("weight-nan", "not finite") {
            var bytes = TinyBundle.learned.weightBytes
            bytes.replaceSubrange(8..<12, with: Forge.u32(Float.nan.bitPattern))
            try $0.compress("learned.weights", bytes)
        },
        learned("weight-infinite", "not finite") {
            var bytes = TinyBundle.learned.weightBytes
            bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: Forge.u32(Float.infinity.bitPattern))
            try $0.compress("learned.weights", bytes)
        },
    ]
}
