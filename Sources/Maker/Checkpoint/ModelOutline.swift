public import Model
public import Storage

/// A model of which only the description is there: a folder with a config.json and without weights, as it is looked at before
/// gigabytes are downloaded.
public struct ModelOutline: Sendable {
    public let config: ModelConfig
    /// Oddities that do not stop anything, each a whole sentence for the user.
    public let warnings: [String]
    /// Weights of all tensors, a tied head counted once.
    public let weightCount: Int

    /// nil: the path is no such folder.
    /// - Throws: what is wrong with the description; `unsupported` for a model that Taper does not run.
    public init?(folder: String) throws(TaperError) {
        guard Files.isDirectory(folder) else { return nil }
        let names = try Files.list(folder)
        let weights = [".safetensors", ".safetensors.index.json", ".gguf", ".bin", ".pt", ".pth"]
        guard names.contains("config.json"), !names.contains(where: { name in weights.contains { name.hasSuffix($0) } })
        else { return nil }
        let place = folder + "/config.json"
        let imported = try HuggingFaceConfig(json: try HuggingFaceConfig.read(path: place), place: place).imported
        config = imported.model
        warnings = imported.warnings
        weightCount = config.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) }
    }

    /// What is to be said with everything that is told of it.
    public static let note = "from config.json alone: the folder holds no weights"
}
