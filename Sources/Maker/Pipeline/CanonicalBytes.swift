import Storage

/// Bytes that say everything about a value: types with stored properties give all of them, by name and in order.
///
/// A property that somebody adds to a recipe, a configuration or a stage's settings is in every key made of it without
/// being mentioned, so it cannot be forgotten. Values that compare equal give equal bytes, in every process.
package struct CanonicalBytes {
    private var writer = ByteWriter()
    /// Stages that were met on the way, in order.
    private var stages: [Stage] = []
    private var hasOutsideContent = false

    package init() {}

    package static func of(_ value: Any) -> [UInt8] { all(of: value).writer.bytes }

    /// Beside the bytes: the stages that the value names, and whether it holds any input, a stage's or from outside.
    static func content(of value: Any) -> (bytes: [UInt8], inputs: [Stage], hasInput: Bool) {
        let all = all(of: value)
        return (all.writer.bytes, all.stages, all.hasOutsideContent || !all.stages.isEmpty)
    }

    private static func all(of value: Any) -> CanonicalBytes {
        var result = CanonicalBytes()
        result.add(value)
        return result
    }

    /// The bytes of a part, whose inputs count here too.
    private mutating func part(_ value: Any) -> [UInt8] {
        let all = Self.all(of: value)
        stages += all.stages
        hasOutsideContent = hasOutsideContent || all.hasOutsideContent
        return all.writer.bytes
    }

    package mutating func add(_ value: Any) {
        switch value {
        case let value as Bool: tagged("b") { $0.u8(value ? 1 : 0) }
        case let value as Int: tagged("i") { $0.integer(value) }
        case let value as UInt64: tagged("u") { $0.u64(value) }
        case let value as UInt32: tagged("w") { $0.u32(value) }
        case let value as Int32: tagged("h") { $0.integer(value) }
        case let value as UInt8: tagged("y") { $0.u8(value) }
        case let value as Double: tagged("d") { $0.u64(value.bitPattern) }
        case let value as Float: tagged("f") { $0.f32(value) }
        case let value as String: bytes("s", Array(value.utf8))
        // Long lists that reflection would be slow for.
        case let value as [UInt8]: bytes("B", value)
        case let value as [Int]: integers(value)
        case let value as [[Int]]:
            tagged("L") { $0.u64(UInt64(value.count)) }
            for list in value { integers(list) }
        case let value as Stage:
            stages.append(value)
            reflect(value.key)
        case let value as any KeyedContent:
            if value is any OutsideContent { hasOutsideContent = true }
            add(value.keyContent)
        default: reflect(value)
        }
    }

    private mutating func tagged(_ tag: StaticString, _ body: (inout ByteWriter) -> Void) {
        writer.string(tag.description)
        body(&writer)
    }

    private mutating func bytes(_ tag: StaticString, _ value: [UInt8]) {
        tagged(tag) {
            $0.u64(UInt64(value.count))
            $0.raw(value)
        }
    }

    private mutating func integers(_ values: [Int]) {
        tagged("I") {
            $0.u64(UInt64(values.count))
            for value in values { $0.integer(value) }
        }
    }

    private mutating func reflect(_ value: Any) {
        let mirror = Mirror(reflecting: value)
        let children = Array(mirror.children)
        switch mirror.displayStyle {
        case .optional:
            tagged("o") { $0.u8(children.isEmpty ? 0 : 1) }
            for child in children { add(child.value) }
        case .collection: counted("[", children.map { part($0.value) })
        // Their order differs from process to process.
        case .set, .dictionary:
            counted("{", children.map { part($0.value) }.sorted { $0.lexicographicallyPrecedes($1) })
        // Ranges and the like describe themselves, without a style.
        case .struct, .tuple,
            nil where !children.isEmpty || mirror.displayStyle != nil:
            tagged("(") { $0.u64(UInt64(children.count)) }
            for child in children {
                bytes("n", Array((child.label ?? "").utf8))
                add(child.value)
            }
        case .enum:
            // A case without values is its own description.
            bytes("e", Array((children.first?.label ?? "\(value)").utf8))
            for child in children { add(child.value) }
        default:
            preconditionFailure("a \(type(of: value)) has identity, not content: it cannot be in a key")
        }
    }

    private mutating func counted(_ tag: StaticString, _ items: [[UInt8]]) {
        tagged(tag) { $0.u64(UInt64(items.count)) }
        for item in items { bytes("-", item) }
    }
}
