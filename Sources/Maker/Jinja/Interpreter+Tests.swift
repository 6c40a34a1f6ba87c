internal import Storage

extension Interpreter {
    /// `value is name`.
    func test(_ name: String, _ value: Value, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Bool {
        func other() throws(TaperError) -> Value {
            try arguments.bound(["other"], required: 1, to: name, line)[0] ?? .none
        }
        let withArgument: Set<String> = [
            "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=",
            "in", "sameas", "divisibleby",
        ]
        guard withArgument.contains(name) || arguments.isEmpty else {
            throw fault(.badData, "the test '" + printable(name) + "' takes no argument", line: line)
        }
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": return value.isNone
        case "string": return value.isString
        case "mapping": if case .dictionary = value { return true } else { return false }
        case "number":
            return value.number != nil
        case "integer": if case .integer = value { return true } else { return false }
        case "float": if case .float = value { return true } else { return false }
        case "boolean": if case .boolean = value { return true } else { return false }
        case "true": if case .boolean(true) = value { return true } else { return false }
        case "false": if case .boolean(false) = value { return true } else { return false }
        case "iterable":
            switch value {
            case .undefined, .string, .list, .tuple, .dictionary, .range, .view, .iterator, .loop: return true
            default: return false
            }
        case "sequence":
            switch value {
            case .undefined, .string, .list, .tuple, .dictionary, .range: return true
            default: return false
            }
        case "callable":
            switch value {
            case .function, .method, .macro, .undefined: return true
            default: return false
            }
        case "odd", "even":
            guard let rest = try arithmetic("%", value, .integer(2), line).number else { return false }
            return rest == (name == "odd" ? 1 : 0)
        case "divisibleby": return try arithmetic("%", value, try other(), line).equals(.integer(0))
        case "lower": return try value.printed(line).satisfies("islower")
        case "upper": return try value.printed(line).satisfies("isupper")
        case "eq", "equalto", "==": return value.equals(try other())
        case "ne", "!=": return !value.equals(try other())
        case "lt", "lessthan", "<": return try compare("<", value, try other(), line)
        case "le", "<=": return try compare("<=", value, try other(), line)
        case "gt", "greaterthan", ">": return try compare(">", value, try other(), line)
        case "ge", ">=": return try compare(">=", value, try other(), line)
        case "in": return try contains(try other(), value, line)
        case "sameas":
            // Python's identity, where it does not depend on how values are stored.
            let other = try other()
            switch (value, other) {
            case (.none, _), (.boolean, _), (_, .none), (_, .boolean):
                return value.equals(other) && value.typeName == other.typeName
            default: throw unsupported("the test 'sameas' of " + value.typeName, line: line)
            }
        default: throw unsupported("the test '" + printable(name) + "'", line: line)
        }
    }
}
