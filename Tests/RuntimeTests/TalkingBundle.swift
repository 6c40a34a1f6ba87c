import Bundle
import Model
import Storage
import Text

/// A tiny random model with a tokenizer of single bytes and a chat template: babble, but always the same.
enum TalkingBundle {
    static let vocabularySize = 262
    static let eos = 2

    static var config: ModelConfig {
        var config = TinyModels.qwen2
        config.vocabularySize = vocabularySize
        config.contextLength = 2048
        config.bosToken = 1
        config.eosTokens = [eos]
        return config
    }

    /// <unk> <s> </s>, the 256 bytes, and three tokens of the template.
    static func tokenizer() throws -> Tokenizer {
        let digits: [String] = "0123456789ABCDEF".map { String($0) }
        var tokens = ["<unk>", "<s>", "</s>"]
        for byte in 0..<256 { tokens.append("<0x\(digits[byte / 16])\(digits[byte % 16])>") }
        tokens += ["<|user|>", "<|bot|>", "<|end|>"]
        var types = [2, 3, 3]
        types += [Int](repeating: 6, count: 256)
        types += [3, 3, 3]
        let vocabulary = GGUFVocabulary(
            model: "llama", pre: "default", tokens: tokens, scores: [Float](repeating: 0, count: vocabularySize),
            types: types, merges: [], bos: 1, eos: eos, unk: 0, addBos: true, addEos: false, addSpacePrefix: false)
        return try Tokenizer(vocabulary: vocabulary, place: "test")
    }

    static var template: ChatTemplate? {
        ChatTemplate(
            frames: ChatFrames(
                name: "test", system: .init("", "<|end|>"), user: .init("<|user|>", "<|end|>"),
                assistant: .init("<|bot|>", "<|end|>"), generation: "<|bot|>", stops: ["<|end|>"]))
    }

    static func make(
        chat: Bool = true, schedules: [CalibratedSchedule] = [], precisions: [Int] = [2, 3, 4, 6], rungs: [Rung] = []
    ) throws -> TinyBundle {
        var documents: [(section: String, value: JSONValue)] = []
        if chat, let template { documents.append(("chat", template.json)) }
        if !schedules.isEmpty { documents.append(("schedules", .array(schedules.map(\.json)))) }
        if !rungs.isEmpty { documents.append((SectionName.rungs, .array(rungs.map(\.json)))) }
        return try TinyBundle(
            config, precisions: precisions, tokenizer: try tokenizer().compact(), documents: documents)
    }

    static func schedule(_ task: String, _ steps: [(Int, Int)], prefill: Precision) -> CalibratedSchedule {
        CalibratedSchedule(
            task: task, metric: "agreement",
            schedule: PrecisionSchedule(
                prefillBits: prefill, descending: steps.map { .init(fromStep: $0.0, bits: Precision(bits: $0.1)) }),
            maxNewTokens: 64, averageBits: 4, score: 1, referenceScore: 1, tolerance: 0.1,
            evidence: ScheduleEvidence(.null))
    }
}
