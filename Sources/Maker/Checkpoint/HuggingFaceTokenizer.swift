public import Storage
public import Text

/// The tokenizer of a Hugging Face directory.
enum HuggingFaceTokenizer {
    static let byteLimit = 100_000_000
    /// Memory that parsing may take: twice what the largest published vocabularies take with their merges.
    static let memoryLimit = 1 << 30

    /// - Parameter rows: rows of the embedding.
    static func open(directory: String, rows: Int) throws(TaperError) -> Tokenizer {
        let path = directory + "/tokenizer.json"
        guard Files.exists(path) else {
            let hasModel = Files.exists(directory + "/tokenizer.model")
            throw TaperError(
                hasModel ? .unsupported : .badData, "the directory has no tokenizer.json", at: directory,
                found: hasModel ? "tokenizer.model" : "",
                remedy: hasModel
                    ? "Save the tokenizer again with the transformers library, which writes tokenizer.json"
                    : "Download the whole checkpoint, not its weights alone")
        }
        let tokenizer = try read(path, adding: try AddedTokenFiles(directory: directory).tokens, rows: rows)
        guard tokenizer.vocabularySize <= rows else {
            let last = tokenizer.vocabularySize - 1
            throw TaperError(
                .badData, "the tokenizer has more tokens than the embedding has rows", at: path,
                expected: "at most " + String(rows),
                found: String(tokenizer.vocabularySize) + ", the last one " + printable(tokenizer.piece(of: last)),
                remedy:
                    "Tokenizer and weights belong to different models, or tokens were added without resizing the model")
        }
        return tokenizer
    }

    /// A tokenizer.json anywhere.
    /// - Parameter rows: rows of the embedding, where there is one.
    static func read(
        _ path: String, adding added: [AddedTokenDescription] = [], rows: Int = .max
    ) throws(TaperError) -> Tokenizer {
        let file = try SourceFile(path: path)
        if let foreign = ForeignFile.recognise(file.bytes) {
            throw TaperError(.badData, "not a tokenizer", at: path, found: foreign.kind, remedy: foreign.remedy)
        }
        guard file.bytes.count <= byteLimit else {
            throw TaperError(
                .badData, "the tokenizer is too large", at: path, expected: "at most " + byteText(byteLimit),
                found: byteText(file.bytes.count))
        }
        let json = try JSONValue.parse(file.text, place: path, memoryLimit: memoryLimit)
        return try Tokenizer(tokenizerJSON: json, adding: added, rows: rows, place: path)
    }
}

extension Checkpoint {
    /// The tokenizer of a file like Hugging Face's tokenizer.json, alone.
    public static func tokenizer(file path: String) throws(TaperError) -> Tokenizer {
        try HuggingFaceTokenizer.read(path)
    }
}
