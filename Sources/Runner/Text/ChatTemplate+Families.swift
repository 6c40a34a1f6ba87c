extension ChatTemplate {
    public static var names: [String] { ChatFrames.families.map { $0.name } }

    /// A common format by its name.
    /// - Parameter defaultSystem: the system text of conversations that bring none.
    public static func named(_ name: String, defaultSystem: String? = nil) -> ChatTemplate? {
        guard var frames = ChatFrames.families.first(where: { $0.name == name }) else { return nil }
        frames.defaultSystem = defaultSystem
        return ChatTemplate(frames: frames)
    }
}

extension ChatFrames {
    private static func make(
        _ name: String, start: String = "", system: Frame, user: Frame, assistant: Frame, generation: String,
        systemInsideUser: Bool = false, trims: Bool = false, stops: [String]
    ) -> ChatFrames {
        ChatFrames(
            name: name, start: start, system: system, user: user, assistant: assistant, generation: generation,
            systemInsideUser: systemInsideUser, trims: trims, stops: stops)
    }

    /// The common families, by name.
    static let families: [ChatFrames] = [
        make(
            "chatml", system: Frame("<|im_start|>system\n", "<|im_end|>\n"),
            user: Frame("<|im_start|>user\n", "<|im_end|>\n"),
            assistant: Frame("<|im_start|>assistant\n", "<|im_end|>\n"), generation: "<|im_start|>assistant\n",
            stops: ["<|im_end|>"]),
        make(
            "llama-2", system: Frame("<<SYS>>\n", "\n<</SYS>>\n\n"), user: Frame("<s>[INST] ", " [/INST]"),
            assistant: Frame(" ", " </s>"), generation: "", systemInsideUser: true, trims: true, stops: ["</s>"]),
        make(
            "llama-3", start: "<|begin_of_text|>",
            system: Frame("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
            user: Frame("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
            assistant: Frame("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
            generation: "<|start_header_id|>assistant<|end_header_id|>\n\n", trims: true,
            stops: ["<|eot_id|>", "<|end_of_text|>"]),
        make(
            "mistral", start: "<s>", system: Frame("", "\n\n"), user: Frame("[INST] ", " [/INST]"),
            assistant: Frame(" ", "</s>"), generation: "", systemInsideUser: true, stops: ["</s>"]),
        make(
            "zephyr", system: Frame("<|system|>\n", "</s>\n"), user: Frame("<|user|>\n", "</s>\n"),
            assistant: Frame("<|assistant|>\n", "</s>\n"), generation: "<|assistant|>\n", stops: ["</s>"]),
        make(
            "stablelm-zephyr", system: Frame("<|system|>\n", "<|endoftext|>\n"),
            user: Frame("<|user|>\n", "<|endoftext|>\n"), assistant: Frame("<|assistant|>\n", "<|endoftext|>\n"),
            generation: "<|assistant|>\n", stops: ["<|endoftext|>"]),
        make(
            "vicuna", system: Frame("", "\n\n"), user: Frame("USER: ", "\n"), assistant: Frame("ASSISTANT: ", "</s>\n"),
            generation: "ASSISTANT:", stops: ["</s>", "USER:"]),
        make(
            "alpaca", system: Frame("", "\n\n"), user: Frame("### Instruction:\n", "\n\n"),
            assistant: Frame("### Response:\n", "\n\n"), generation: "### Response:\n",
            stops: ["</s>", "### Instruction:"]),
        make(
            "plain", system: Frame("", "\n"), user: Frame("", "\n"), assistant: Frame("", "\n"), generation: "",
            stops: []),
    ]
}
