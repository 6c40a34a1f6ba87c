public import Storage

/// Text as Python has it: code points, compared one by one.
public typealias Scalars = [Unicode.Scalar]

/// What an expression of a template evaluates to. Lists and dictionaries cannot be changed, as in the sandbox that
/// publishers' templates run in.
public enum Value {
    /// Prints as nothing; the text names what is missing.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(Scalars)
    case list([Value])
    case tuple([Value])
    case dictionary(Mapping)
    case range(IntegerRange)
    /// `items()`, `keys()` or `values()` of a dictionary.
    case view(String, [Value])
    /// What filters such as `map` give: can be gone through once.
    case iterator(ValueIterator)
    case namespace(Namespace)
    case loop(LoopState)
    case macro(Macro)
    case function(String)
    indirect case method(Value, String)

    public init(_ text: String) { self = .string(Array(text.unicodeScalars)) }

    /// - Parameter json: members keep their order.
    public init(json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .boolean(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .float(value)
        case .string(let text): self.init(text)
        case .array(let values): self = .list(values.map { Value(json: $0) })
        case .object(let members):
            var mapping = Mapping()
            for member in members { mapping[Value(member.key)] = Value(json: member.value) }
            self = .dictionary(mapping)
        }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined"
        case .none: "None"
        case .boolean: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .range: "range"
        case .view(let name, _): name
        case .iterator: "generator"
        case .namespace: "namespace"
        case .loop: "loop"
        case .macro: "macro"
        case .function: "function"
        case .method: "method"
        }
    }
}

/// A dictionary that keeps the order of its keys.
public struct Mapping {
    public private(set) var entries: [(key: Value, value: Value)] = []
    /// Keys that are strings, nearly always all of them, are found without a search.
    private var places: [Scalars: Int] = [:]

    public init() {}

    public subscript(_ key: Value) -> Value? {
        get {
            if case .string(let text) = key { return places[text].map { entries[$0].value } }
            return entries.first { $0.key.equals(key) }?.value
        }
        set {
            guard let newValue else { return }
            if case .string(let text) = key {
                if let at = places[text] {
                    entries[at].value = newValue
                } else {
                    places[text] = entries.count
                    entries.append((key, newValue))
                }
            } else if let at = entries.firstIndex(where: { $0.key.equals(key) }) {
                entries[at].value = newValue
            } else {
                entries.append((key, newValue))
            }
        }
    }
}

public struct IntegerRange {
    var start: Int
    var stop: Int
    var step: Int
    var count: Int
    var values: [Value] { (0..<count).map { .integer(start + $0 * step) } }
}

/// Python's iterators: whoever goes through one empties it.
public final class ValueIterator {
    private var rest: ArraySlice<Value>
    init(_ values: [Value]) { rest = values[...] }
    func next() -> Value? { rest.popFirst() }
    func takeAll() -> [Value] {
        defer { rest = [] }
        return Array(rest)
    }
}

/// What `namespace()` makes: the only value that can be changed.
public final class Namespace {
    var attributes: [String: Value] = [:]
}

/// The variable `loop`.
public final class LoopState {
    let items: [Value]
    var index = 0
    var lastChecked: [Value]?
    init(_ items: [Value]) { self.items = items }
}

public final class Macro {
    let definition: MacroDefinition
    let scope: Scope
    init(_ definition: MacroDefinition, _ scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}

/// Names and their values; inner scopes see outer ones but assign to themselves.
public final class Scope {
    private var values: [String: Value] = [:]
    let parent: Scope?
    init(_ parent: Scope?) { self.parent = parent }

    subscript(_ name: String) -> Value? {
        get {
            var scope: Scope? = self
            while let here = scope {
                if let value = here.values[name] { return value }
                scope = here.parent
            }
            return nil
        }
        set { values[name] = newValue }
    }
}
