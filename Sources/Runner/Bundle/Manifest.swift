import Kernels
public import Model
public import Storage

/// What the bundle says of itself: the model, its precisions and its tensors.
public struct Manifest: Sendable {
    public static let schema = "taper-bundle-1"
    /// Of models that a reader of the first one would compute wrongly without noticing.
    public static let secondSchema = "taper-bundle-2"
    /// Group of the blocks' matrices, and of nothing else.
    public static let linearGroup = "linear"
    /// Group of an embedding and head in nested codes, as Taper writes them.
    public static let fixedGroup = "fixed"

    public var model: ModelConfig
    /// Ascending precisions that the linear layers serve.
    public var precisions: [Int]
    public var tensors: [TensorPlan]
    /// Where the weights came from and how they were made; facts only, no dates and no paths.
    public var provenance: JSONValue

    /// Some of 2 to 8 and perhaps 16, ascending; 16 never alone, because only nested codes can be stepped down.
    static func arePrecisions(_ bits: [Int]) -> Bool {
        guard let first = bits.first, BitWidth.isNested(first) else { return false }
        return zip(bits, bits.dropFirst()).allSatisfy { $0 < $1 } && bits.allSatisfy { BitWidth.exists($0) }
    }
    /// Those that are codes; not empty.
    public var nestedPrecisions: [Int] { BitWidth.nested(of: precisions) }

    public init(model: ModelConfig, precisions: [Int], tensors: [TensorPlan], provenance: JSONValue) {
        self.model = model
        self.precisions = precisions
        self.tensors = tensors
        self.provenance = provenance
    }

    public var json: JSONValue {
        let list = tensors.map { tensor -> JSONValue in
            var members: [JSONValue.Member] = [
                .init("name", .string(tensor.name)), .init("shape", .array(tensor.shape.map { .integer($0) })),
            ]
            switch tensor.encoding {
            case .float: members.append(.init("encoding", .string("f32")))
            case .int8: members.append(.init("encoding", .string("int8")))
            case .nested(let group, let precisions):
                members.append(.init("encoding", .string("nested")))
                members.append(.init("group", .string(group)))
                members.append(.init("precisions", .array(precisions.map { .integer($0) })))
            }
            return .object(members)
        }
        return .object([
            .init("schema", .string(model.exceedsFirstVersion ? Manifest.secondSchema : Manifest.schema)),
            .init("model", model.json),
            .init("precisions", .array(precisions.map { .integer($0) })),
            .init("provenance", provenance),
            .init("tensors", .array(list)),
        ])
    }

    /// - Throws: `badData` naming the field that breaks the schema (`formats/manifest.schema.json`).
    public init(json: JSONValue, place: String) throws(TaperError) {
        let schema = json["schema"]?.string
        guard schema == Manifest.schema || schema == Manifest.secondSchema else {
            throw TaperError(
                .unsupported, "unknown manifest schema", at: place,
                expected: Manifest.schema + " or " + Manifest.secondSchema,
                found: schema.map { printable($0) } ?? "none",
                remedy: "The bundle may need a newer version of taper")
        }
        guard let modelJSON = json["model"] else { throw TaperError(.badData, "\"model\" is missing", at: place) }
        model = try ModelConfig(json: modelJSON, place: place + ": model")
        guard schema == Manifest.secondSchema || !model.exceedsFirstVersion else {
            throw TaperError(
                .badData, "the model needs the second schema", at: place, expected: Manifest.secondSchema,
                found: Manifest.schema)
        }
        precisions = try Manifest.integers(json["precisions"], "precisions", place)
        guard Manifest.arePrecisions(precisions) else {
            throw TaperError(
                .badData, "\"precisions\" must be ascending, each 2 to 8, and perhaps 16 beside them", at: place,
                found: Manifest.text(precisions))
        }
        provenance = json["provenance"] ?? .null
        guard let list = json["tensors"]?.array, list.count <= BundleFormat.tensorLimit else {
            throw TaperError(.badData, "\"tensors\" is no array of reasonable length", at: place)
        }
        tensors = []
        var names: Set<String> = []
        for (index, item) in list.enumerated() {
            var context: String { place + ": tensors[" + String(index) + "]" }
            guard let name = item["name"]?.string, !name.isEmpty, name.utf8.count <= 1024, names.insert(name).inserted
            else {
                throw TaperError(.badData, "\"name\" is missing, too long or used twice", at: context)
            }
            let shape = try Manifest.integers(item["shape"], "shape", place, index)
            let encoding: TensorPlan.Encoding
            switch item["encoding"]?.string {
            case "f32": encoding = .float
            case "int8": encoding = .int8
            case "nested":
                guard let group = item["group"]?.string else {
                    throw TaperError(.badData, "\"group\" is missing", at: context)
                }
                encoding = .nested(
                    group: group, precisions: try Manifest.integers(item["precisions"], "precisions", place, index))
            default:
                throw TaperError(
                    .unsupported, "unknown encoding", at: context, expected: "nested, int8 or f32",
                    found: item["encoding"]?.string.map { printable($0) } ?? "nothing")
            }
            tensors.append(TensorPlan(name: name, shape: shape, encoding: encoding))
        }
        try checkTensors(place)
    }

    /// Every tensor the model needs is there with its shape, and nothing else.
    func checkTensors(_ place: String) throws(TaperError) {
        var shapes: [String: [Int]] = [:]
        for tensor in tensors { shapes[tensor.name] = tensor.shape }
        let required = model.tensorRequirements()
        for need in required {
            guard let shape = shapes[need.name] else {
                throw TaperError(.badData, "tensor " + need.name + " is missing", at: place)
            }
            guard shape == need.shape else {
                throw TaperError(
                    .badData, "tensor " + need.name + " has another shape", at: place,
                    expected: Manifest.text(need.shape), found: Manifest.text(shape))
            }
        }
        guard required.count == tensors.count else {
            throw TaperError(
                .badData, "the bundle holds tensors the model does not have", at: place,
                expected: String(required.count), found: String(tensors.count))
        }
        var linear: Set<String> = []
        for need in required where need.isLinear { linear.insert(need.name) }
        for tensor in tensors {
            let isLinear = linear.contains(tensor.name)
            let fits =
                switch tensor.encoding {
                case .float: tensor.shape.count == 1
                case .int8: tensor.shape.count == 2 && !isLinear
                case .nested(let group, _): tensor.shape.count == 2 && (group == Manifest.linearGroup) == isLinear
                }
            guard fits else {
                throw TaperError(
                    .badData, "tensor " + printable(tensor.name) + " is stored in the wrong way", at: place,
                    expected: isLinear
                        ? "nested, group linear" : tensor.shape.count == 1 ? "f32" : "int8, or nested in another group")
            }
            if isLinear, case .nested(_, let served) = tensor.encoding, served != precisions {
                throw TaperError(
                    .badData, "tensor " + tensor.name + " does not serve the bundle's precisions", at: place,
                    expected: Manifest.text(precisions), found: Manifest.text(served))
            }
        }
    }

    private static func text(_ values: [Int]) -> String { JSONValue.array(values.map { .integer($0) }).text() }

    /// - Parameter tensor: index of the tensor concerned, for the message.
    private static func integers(
        _ value: JSONValue?, _ key: String, _ place: String, _ tensor: Int? = nil
    ) throws(TaperError) -> [Int] {
        var result: [Int] = []
        for element in value?.array ?? [.null] {
            guard let number = element.integer else {
                throw TaperError(
                    .badData, "\"" + key + "\" is no array of integers",
                    at: place + (tensor.map { ": tensors[" + String($0) + "]" } ?? ""))
            }
            result.append(number)
        }
        return result
    }
}
