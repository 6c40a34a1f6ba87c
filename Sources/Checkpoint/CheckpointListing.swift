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
        return TaperError(
            .badData, "no checkpoint", at: path, expected: expected,
            found: "a directory without config.json and safetensors files")
    }
}

extension TensorContainer {
    /// Parameter count, element types, files.
    var facts: [JSONValue.Member] {
        var parameters = 0
        var types: [String: (tensors: Int, elements: Int, bytes: Int)] = [:]
        for tensor in tensors {
            let elements = checkedProduct(tensor.shape) ?? 0
            parameters = parameters.addingReportingOverflow(elements).partialValue
            var sum = types[tensor.encoding.name] ?? (0, 0, 0)
            sum = (sum.tensors + 1, sum.elements &+ elements, sum.bytes + tensor.bytes.count)
            types[tensor.encoding.name] = sum
        }
        let histogram = types.sorted { $0.key < $1.key }.map { name, sum in
            JSONValue.Member(
                name,
                .object([
                    .init("tensors", .integer(sum.tensors)), .init("elements", .integer(sum.elements)),
                    .init("bytes", .integer(sum.bytes)),
                ]))
        }
        let listed = files.map { file in
            JSONValue.object([.init("name", .string(file.name)), .init("bytes", .integer(file.bytes.count))])
        }
        return [
            .init("parameters", .integer(parameters)), .init("tensor_count", .integer(tensors.count)),
            .init("dtypes", .object(histogram)),
            .init("file_bytes", .integer(files.reduce(0) { $0 + $1.bytes.count })), .init("files", .array(listed)),
        ]
    }
}

extension GGUFFile {
    var container: TensorContainer { TensorContainer(tensors: tensors, files: [file]) }

    var metadata: JSONValue {
        var members: [JSONValue.Member] = [
            .init("format", .string("gguf")), .init("version", .integer(Int(version))),
        ]
        if let architecture = values["general.architecture"]?.string {
            members.append(.init("architecture", .string(printable(architecture))))
        }
        members += container.facts
        members.append(.init("gguf", .object(keys.map { .init($0, values[$0]?.json ?? .null) })))
        return .object(members)
    }
}
