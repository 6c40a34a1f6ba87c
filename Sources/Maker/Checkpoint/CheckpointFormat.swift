public import Storage

/// What a path holds, told from its first bytes and its name without reading further.
public enum CheckpointFormat: String, Sendable {
    /// A Hugging Face directory, or a safetensors file in one.
    case safetensors
    case gguf
    case bundle
    case unknown

    /// - Throws: `noInput` when nothing can be opened under the path.
    public static func detect(_ path: String) throws(TaperError) -> CheckpointFormat {
        guard let status = FileStatus(path: path) else {
            throw TaperError(
                .noInput, "no such file or directory", at: printable(path, limit: 400), remedy: "Check the path")
        }
        if status.kind == .directory {
            let names = try Files.list(path)
            let isCheckpoint = names.contains { $0 == "config.json" || $0.hasSuffix(".safetensors") }
            return isCheckpoint ? .safetensors : .unknown
        }
        let file = try MappedFile(path: path)
        let start = file.bytes.prefix(8)
        if start.starts(with: GGUFFile.magic) { return .gguf }
        // The magic of `formats/`; bundles themselves are read by a module that this one does not import.
        if start.starts(with: Array("TAPERBND".utf8)) { return .bundle }
        // By name for what is damaged, so that the reader can say how; else by a plausible header.
        if path.hasSuffix(".gguf") { return .gguf }
        if path.hasSuffix(".safetensors") || path.hasSuffix(".safetensors.index.json") { return .safetensors }
        if file.bytes.count > 8 && file.bytes[8] == 0x7b {
            let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
            if length <= UInt64(file.bytes.count - 8) { return .safetensors }
        }
        return .unknown
    }
}
