import Storage
import Text

/// The tokenizer of a Hugging Face directory.
enum HuggingFaceTokenizer {
    static let byteLimit = 100_000_000
    /// Most JSON values accepted: four times the largest published vocabularies with their merges.
    static let valueLimit = 8_000_000

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
        let file = try SourceFile(path: path)
        if let foreign = ForeignFile.recognise(file.bytes) {
            throw TaperError(.badData, "not a tokenizer", at: path, found: foreign.kind, remedy: foreign.remedy)
        }
        guard file.bytes.count <= byteLimit else {
            throw TaperError(
                .badData, "tokenizer.json is too large", at: path, expected: "at most " + byteText(byteLimit),
                found: byteText(file.bytes.count))
        }
        // Commas bound the number of values, and so the memory that parsing takes.
        let commas = file.bytes.reduce(0) { $0 + ($1 == 0x2c ? 1 : 0) }
        guard commas <= valueLimit else {
            throw TaperError(
                .badData, "tokenizer.json has too many values", at: path, expected: "at most " + String(valueLimit),
                found: String(commas))
        }
        let tokenizer = try Tokenizer(
            tokenizerJSON: try JSONValue.parse(file.bytes, place: path),
            adding: try AddedTokenFiles(directory: directory).tokens, rows: rows, place: path)
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
}
