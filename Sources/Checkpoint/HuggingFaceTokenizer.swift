import Storage
import Text

/// The tokenizer of a Hugging Face directory.
enum HuggingFaceTokenizer {
    static let byteLimit = 100_000_000
    /// Most JSON values accepted: four times the largest published vocabularies with their merges.
    static let valueLimit = 8_000_000

    static func open(directory: String) throws(TaperError) -> Tokenizer {
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
        return try Tokenizer(tokenizerJSON: try JSONValue.parse(file.bytes, place: path), place: path)
    }
}
