import Storage

/// A Hugging Face directory opened: weights found, config read as JSON, nothing interpreted yet.
struct HuggingFaceSource {
    let directory: String
    let weights: SafetensorsDirectory
    /// Nil when there is no config.json.
    let config: JSONValue?

    init(path: String) throws(TaperError) {
        var chosen: String?
        if Files.isDirectory(path) {
            directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        } else {
            directory = Files.directory(of: path)
            let name = Files.name(of: path)
            // A shard or an index stands for its directory.
            if name.hasSuffix(".safetensors") || !name.hasSuffix(".json"),
                SafetensorsDirectory.shardCount(of: name) == nil
            {
                chosen = name
            }
        }
        let configPath = directory + "/config.json"
        config = Files.exists(configPath) ? try HuggingFaceConfig.read(path: configPath) : nil
        weights = try SafetensorsDirectory(path: directory, chosen: chosen)
    }

    var metadata: JSONValue {
        var members: [JSONValue.Member] = [.init("format", .string("safetensors"))]
        members += config.map { HuggingFaceConfig.facts(of: $0) } ?? []
        members += weights.container.facts
        if !weights.metadata.isEmpty { members.append(.init("safetensors", .object(weights.metadata))) }
        return .object(members)
    }
}
