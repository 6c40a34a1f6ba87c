public import Storage

/// What a checkpoint holds, told without understanding its architecture: works for models Taper cannot run.
public struct CheckpointListing: Sendable {
    public let format: CheckpointFormat
    /// `model_type` or `general.architecture` as written; nil when the files do not say.
    public let architecture: String?
    /// Under the file's own names, in file order.
    public let tensors: [TensorEntry]
    public let warnings: [String]
    public let metadata: JSONValue

    /// - Parameter path: a directory, a safetensors file, or a GGUF file.
    public static func read(_ path: String) throws(TaperError) -> CheckpointListing {
        let format = try CheckpointFormat.detect(path)
        switch format {
        case .gguf:
            let file = try GGUFFile(path: path)
            return CheckpointListing(
                format: format, architecture: file.values["general.architecture"]?.string,
                tensors: file.tensors.map { $0.entry }, warnings: [], metadata: file.metadata)
        case .safetensors:
            let source = try HuggingFaceSource(path: path)
            return CheckpointListing(
                format: format, architecture: source.config?["model_type"]?.string,
                tensors: source.weights.container.tensors.map { $0.entry },
                warnings: source.weights.container.warnings, metadata: source.metadata)
        case .bundle, .unknown:
            throw unknown(path)
        }
    }

    static func unknown(_ path: String) -> TaperError {
        let expected = "a Hugging Face directory, a safetensors file or a GGUF file"
        if let map = try? MappedFile(path: path) {
            if let foreign = ForeignFile.recognise(map.bytes) {
                return TaperError(
                    .badData, "no checkpoint", at: path, expected: expected, found: foreign.kind,
                    remedy: foreign.remedy)
            }
            let found = map.bytes.isEmpty ? "an empty file" : "something else"
            return TaperError(.badData, "no checkpoint", at: path, expected: expected, found: found)
        }
        let found = "a directory without config.json and safetensors files"
        let files = ((try? Files.list(path)) ?? []).filter { $0.lowercased().hasSuffix(".gguf") }.sorted()
        guard let first = files.first else {
            return TaperError(.badData, "no checkpoint", at: path, expected: expected, found: found)
        }
        return TaperError(
            .badData, "no checkpoint", at: path, expected: expected,
            found: found + ", but with " + files.prefix(3).map { printable($0) }.joined(separator: ", ")
                + (files.count > 3 ? " and \(files.count - 3) more" : ""),
            remedy: "Name the file: " + printable(path.hasSuffix("/") ? path + first : path + "/" + first, limit: 4000))
    }
}
