import Storage

extension ChatTemplate {
    private static func make(
        _ name: String, start: String = "", system: Frame, user: Frame, assistant: Frame, generation: String,
        defaultSystem: String? = nil, systemInsideUser: Bool = false, trims: Bool = false, stops: [String]
    ) -> ChatTemplate {
        ChatTemplate(
            name: name, start: start, system: system, user: user, assistant: assistant, generation: generation,
            defaultSystem: defaultSystem, systemInsideUser: systemInsideUser, trims: trims, stops: stops)
    }

    /// The common families, by name.
    static let families: [ChatTemplate] = [
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

    /// The family of a Jinja template by what it writes; nil when unknown.
    public static func recognise(jinja: String) -> ChatTemplate? {
        let bytes = Array(jinja.utf8)
        func has(_ part: String) -> Bool { find(Array(part.utf8), in: bytes, from: 0) != nil }
        if has("<|im_start|>") {
            guard var template = named("chatml") else { return nil }
            // Some bring a system message of their own when the conversation has none.
            template.defaultSystem = defaultSystem(in: jinja)
            return template
        }
        if has("<|start_header_id|>") { return named("llama-3") }
        if has("[INST]") { return named(has("<<SYS>>") ? "llama-2" : "mistral") }
        if has("<|user|>") { return named(has("<|endoftext|>") && !has("eos_token") ? "stablelm-zephyr" : "zephyr") }
        if has("USER:") && has("ASSISTANT:") { return named("vicuna") }
        if has("### Instruction:") { return named("alpaca") }
        return nil
    }

    /// The literal between "<|im_start|>system\n" and "<|im_end|>" when the template writes one.
    private static func defaultSystem(in jinja: String) -> String? {
        let bytes = Array(jinja.utf8)
        // Newlines stand either as themselves or as \n inside Jinja strings.
        for opening in ["<|im_start|>system\\n", "<|im_start|>system\n"] {
            let needle = Array(opening.utf8)
            var from = 0
            while let at = find(needle, in: bytes, from: from) {
                let start = at + needle.count
                from = start
                guard let end = find(Array("<|im_end|>".utf8), in: bytes, from: start) else { break }
                let text = bytes[start..<end]
                // Quotes and braces mean that an expression stands here, not a literal.
                if !text.isEmpty, text.count < 4096, !text.contains(where: { [0x22, 0x7b, 0x7d].contains($0) }),
                    !text.contains(0x27) || isApostrophe(text)
                {
                    return String(decoding: text, as: UTF8.self)
                }
            }
        }
        return nil
    }

    /// An apostrophe between letters, as in "you're", is text.
    private static func isApostrophe(_ text: ArraySlice<UInt8>) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte & 0xdf) }
        for index in text.indices where text[index] == 0x27 {
            guard index > text.startIndex, index + 1 < text.endIndex, isLetter(text[index - 1]),
                isLetter(text[index + 1])
            else { return false }
        }
        return true
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        guard bytes.count >= needle.count, from <= bytes.count - needle.count else { return nil }
        return (from...bytes.count - needle.count).first { at in
            needle.indices.allSatisfy { bytes[at + $0] == needle[$0] }
        }
    }
}
