import Storage

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
