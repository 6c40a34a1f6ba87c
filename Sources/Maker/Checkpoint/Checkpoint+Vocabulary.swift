public import Model
public import Storage

extension Checkpoint {
    /// That tokens of a model mean the same here, as far as their number tells.
    /// - Parameter path: of the model's file.
    /// - Throws: `usage` where the vocabularies differ in size.
    public func checkVocabulary(equals model: ModelConfig, of path: String) throws(TaperError) {
        guard config.vocabularySize == model.vocabularySize else {
            throw TaperError(
                .usage, "the checkpoint has another vocabulary than the model that it is to be compared with",
                at: self.path,
                expected: "\(model.vocabularySize) tokens, as \(printable(path))", found: "\(config.vocabularySize)",
                remedy: "Name the checkpoint that the bundle was made of")
        }
    }
}
