import Storage

// What a GGUF file leaves out. llama.cpp, which defines the format, has a default for each key by the kind of tokenizer; files
// are written to be read with it (`llama_vocab`, October 2026).
extension GGUFTokenizer {
    /// SentencePiece's own ids, where a file of that kind names none.
    private static let sentencePieceIDs = ["unknown_token_id": 0, "bos_token_id": 1, "eos_token_id": 2]
    private static let unknownType = 2

    /// Pre-tokenizers of models that put a beginning token before every text.
    private static let beginners: Set<String> = [
        "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
        "tekken", "chameleon",
    ]

    private var isSentencePiece: Bool { file.values["tokenizer.ggml.model"]?.string == "llama" }

    /// The id of a special token, such as "eos_token_id".
    func special(_ key: String) throws(TaperError) -> Int? {
        guard let count = try array("tokens", .string)?.count else { return nil }
        if let value = file.values["tokenizer.ggml." + key] {
            guard let token = value.integer, token >= 0, token < count else {
                throw TaperError(
                    .badData, "the token lies outside the vocabulary", at: place("tokenizer.ggml." + key),
                    expected: "0 to " + String(count - 1), found: value.integer.map { String($0) } ?? value.kind)
            }
            return token
        }
        guard isSentencePiece, let token = GGUFTokenizer.sentencePieceIDs[key], token < count else { return nil }
        // A file whose types say that the token is something else keeps none.
        guard let types = try array("token_type", .int32)?.integers() else { return token }
        let wanted = key == "unknown_token_id" ? GGUFTokenizer.unknownType : GGUFTokenizer.controlType
        return types[token] == wanted ? token : nil
    }

    /// Whether text gets a beginning token: what the file says, else what its kind of tokenizer does.
    func addsBeginning() throws(TaperError) -> Bool {
        let stated = try flag("add_bos_token")
        let pre = try text("pre") ?? ""
        let adds = stated ?? (isSentencePiece || GGUFTokenizer.beginners.contains(pre))
        if stated == true, try special("bos_token_id") == nil {
            throw missing("bos_token_id", wanted: "add_bos_token")
        }
        return adds
    }

    func addsEnd() throws(TaperError) -> Bool {
        let adds = try flag("add_eos_token") ?? false
        if adds, try special("eos_token_id") == nil { throw missing("eos_token_id", wanted: "add_eos_token") }
        return adds
    }

    private func missing(_ key: String, wanted: String) -> TaperError {
        TaperError(
            .badData, wanted + " is true, but no such token is named", at: place("tokenizer.ggml." + key),
            expected: "an id", found: "nothing", remedy: "Convert the file again with current tools")
    }

    /// The name of the pre-tokenizer, and a sentence where it had to be assumed. Old byte-level files name none; llama.cpp
    /// warns that such a file's text comes out worse. Two architectures have one pre-tokenizer only.
    func splitting() throws(TaperError) -> (pre: String, warning: String?) {
        let pre = try text("pre") ?? ""
        guard file.values["tokenizer.ggml.model"]?.string == "gpt2", pre.isEmpty || pre == "default" else {
            // The same splitting under another name; its models do not normalize.
            return (pre == "deepseek-r1-qwen" ? "stablelm2" : pre, nil)
        }
        let architecture = file.values["general.architecture"]?.string
        let assumed = architecture == "qwen2" ? "qwen2" : architecture == "phi2" ? "phi-2" : "gpt-2"
        return (
            assumed,
            place("tokenizer.ggml.pre") + ": " + (pre.isEmpty ? "no pre-tokenizer is named" : "only a default is named")
                + "; text is split as that of '" + assumed + "', and where the model's own tokenizer splits otherwise, "
                + "its answers suffer. Convert the file again with current tools"
        )
    }

    /// Control tokens that swallow the white space after them: those of Phi-3, all but three, as its tokenizer.json says and no
    /// key of GGUF does.
    func strippingTokens(_ tokens: [String], _ types: [Int]) -> [Int] {
        let name = file.values["general.name"]?.string?.lowercased() ?? ""
        let isPhi3 = file.values["general.architecture"]?.string == "phi3" || name.contains("phi-3")
        guard isPhi3 || name.contains("phi3"), isSentencePiece else { return [] }
        let others: Set<String> = ["<unk>", "<s>", "<|endoftext|>"]
        return tokens.indices.filter { id in
            let isControl = types.indices.contains(id) && types[id] == GGUFTokenizer.controlType
            return (isControl || tokens[id] == "</s>") && !others.contains(tokens[id])
        }
    }

    /// Sentences about defaults that a user should know of.
    func defaultWarnings() throws(TaperError) -> [String] {
        guard file.values["tokenizer.ggml.tokens"] != nil else { return [] }
        var warnings: [String] = []
        if let warning = try splitting().warning { warnings.append(warning) }
        if try addsBeginning(), try special("bos_token_id") == nil {
            warnings.append(
                place("tokenizer.ggml.bos_token_id")
                    + ": tokenizers of this kind put a beginning token before every text, but the file names none")
        }
        return warnings
    }
}
