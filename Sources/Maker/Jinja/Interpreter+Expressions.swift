internal import Storage

extension Interpreter {
    func evaluate(_ node: Node, _ scope: Scope) throws(TaperError) -> Value {
        try enter(node.line)
        let result = try value(of: node, scope)
        leave()
        return result
    }

    private func value(of node: Node, _ scope: Scope) throws(TaperError) -> Value {
        let line = node.line
        switch node.kind {
        case .constant(let constant):
            switch constant {
            case .none: return .none
            case .boolean(let value): return .boolean(value)
            case .integer(let value): return .integer(value)
            case .float(let value): return .float(value)
            case .string(let text): return .string(text)
            }
        case .name(let name):
            if let value = scope[name] { return value }
            guard name != "varargs", name != "kwargs" else { throw unsupported("'" + name + "'", line: line) }
            return .undefined(name)
        case .list(let parts): return .list(try evaluated(parts, scope))
        case .tuple(let parts): return .tuple(try evaluated(parts, scope))
        case .dictionary(let entries):
            var mapping = Mapping()
            for entry in entries {
                let key = try evaluate(entry.key, scope)
                guard key.isHashable else { throw fault(.badData, key.typeName + " cannot be a key", line: line) }
                mapping[key] = try evaluate(entry.value, scope)
            }
            return .dictionary(mapping)
        case .attribute(let base, let name): return try attribute(try evaluate(base, scope), name, line)
        case .item(let base, let index): return try item(try evaluate(base, scope), try evaluate(index, scope), line)
        case .slice(let base, let from, let to, let by):
            var bounds: [Value?] = []
            let whole = try evaluate(base, scope)
            for bound in [from, to, by] {
                if let bound { bounds.append(try evaluate(bound, scope)) } else { bounds.append(nil) }
            }
            return try slice(whole, bounds, line)
        case .call(let callee, let arguments):
            let function = try evaluate(callee, scope)
            return try call(function, try evaluated(arguments, scope), line)
        case .filter(let base, let filter):
            let value = try evaluate(base, scope)
            return try self.filter(filter.name, value, try evaluated(filter.arguments, scope), line)
        case .test(let base, let name, let arguments):
            let value = try evaluate(base, scope)
            return .boolean(try test(name, value, try evaluated(arguments, scope), line))
        case .not(let inner): return .boolean(!(try evaluate(inner, scope).isTrue))
        case .negative(let inner): return try signed(try evaluate(inner, scope), negative: true, line)
        case .positive(let inner): return try signed(try evaluate(inner, scope), negative: false, line)
        case .arithmetic(let symbol, let left, let right):
            let value = try evaluate(left, scope)
            return try arithmetic(symbol, value, try evaluate(right, scope), line)
        case .comparison(let first, let rest):
            var left = try evaluate(first, scope)
            for (symbol, operand) in rest {
                let right = try evaluate(operand, scope)
                guard try compare(symbol, left, right, line) else { return .boolean(false) }
                left = right
            }
            return .boolean(true)
        case .and(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? try evaluate(right, scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? value : try evaluate(right, scope)
        case .concatenation(let parts):
            var text: Scalars = []
            for part in parts {
                let piece = try evaluate(part, scope).printed(line)
                try make(text.count + piece.count, line)
                text += piece
            }
            return .string(text)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, scope).isTrue { return try evaluate(then, scope) }
            guard let otherwise else { return .undefined("the inline if without else") }
            return try evaluate(otherwise, scope)
        }
    }

    private func evaluated(_ nodes: [Node], _ scope: Scope) throws(TaperError) -> [Value] {
        try make(nodes.count, nodes.first?.line ?? 0)
        var values: [Value] = []
        for node in nodes { values.append(try evaluate(node, scope)) }
        return values
    }

    func evaluated(_ arguments: Arguments, _ scope: Scope) throws(TaperError) -> CallArguments {
        var result = CallArguments()
        for node in arguments.positional { result.positional.append(try evaluate(node, scope)) }
        for argument in arguments.named {
            result.named.append((argument.name, try evaluate(argument.value, scope)))
        }
        return result
    }

    // MARK: Attributes and items

    /// `value.name`: Python's attribute first, then the item of that name.
    func attribute(_ value: Value, _ name: String, _ line: Int) throws(TaperError) -> Value {
        if case .undefined(let what) = value { throw undefined(what, line) }
        guard !name.hasPrefix("__") else {
            throw fault(.unsupported, "the attribute '" + printable(name) + "' is not for templates", line: line)
        }
        if let own = try ownAttribute(value, name, line) { return own }
        if case .dictionary(let mapping) = value, let item = mapping[Value(name)] { return item }
        return .undefined(name)
    }

    /// `value[index]`: the item first, then Python's attribute of that name.
    func item(_ value: Value, _ index: Value, _ line: Int) throws(TaperError) -> Value {
        switch (value, index) {
        case (.undefined(let what), _): throw undefined(what, line)
        case (.dictionary(let mapping), _):
            if let item = mapping[index] { return item }
        case (.list(let values), _), (.tuple(let values), _):
            if let at = index.wholeNumber {
                let place = at < 0 ? values.count + at : at
                return values.indices.contains(place) ? values[place] : .undefined("item " + String(at))
            }
        case (.string(let text), _):
            if let at = index.wholeNumber {
                let place = at < 0 ? text.count + at : at
                return text.indices.contains(place) ? .string([text[place]]) : .undefined("character " + String(at))
            }
        case (.range(let range), _):
            if let at = index.wholeNumber {
                let place = at < 0 ? range.count + at : at
                return place >= 0 && place < range.count
                    ? .integer(range.start + place * range.step) : .undefined("item " + String(at))
            }
        default: break
        }
        guard case .string(let text) = index else { return .undefined("an item of " + value.typeName) }
        let name = String(scalars: text)
        guard !name.hasPrefix("__") else {
            throw fault(.unsupported, "the attribute '" + printable(name) + "' is not for templates", line: line)
        }
        return try ownAttribute(value, name, line) ?? .undefined(printable(name))
    }

    /// What Python's `getattr` finds.
    private func ownAttribute(_ value: Value, _ name: String, _ line: Int) throws(TaperError) -> Value? {
        switch value {
        case .namespace(let space): return space.attributes[name]
        case .loop(let loop): return loop.attribute(name, value)
        case .string, .dictionary, .list, .tuple:
            switch Methods.kind(of: name, value) {
            case .absent: return nil
            case .known: return .method(value, name)
            case .refused: throw unsupported("the method '" + name + "' of " + value.typeName, line: line)
            case .changes:
                throw fault(
                    .badData, "the method '" + name + "' would change a " + value.typeName, line: line)
            }
        case .macro: throw unsupported("an attribute of a macro", line: line)
        case .integer, .float, .boolean:
            guard !Methods.ofNumbers.contains(name) else {
                throw unsupported("the attribute '" + name + "' of a number", line: line)
            }
            return nil
        default: return nil
        }
    }

    func undefined(_ what: String, _ line: Int) -> TaperError {
        fault(.badData, "'" + printable(what) + "' is undefined", line: line)
    }

    private func slice(_ value: Value, _ bounds: [Value?], _ line: Int) throws(TaperError) -> Value {
        var numbers: [Int?] = []
        for bound in bounds {
            guard let bound, !bound.isNone else {
                numbers.append(nil)
                continue
            }
            guard let number = bound.wholeNumber else {
                throw fault(.badData, "a slice needs integers, not " + bound.typeName, line: line)
            }
            numbers.append(number)
        }
        let step = numbers[2] ?? 1
        guard step != 0 else { throw fault(.badData, "a slice cannot have the step 0", line: line) }
        func places(_ count: Int) -> [Int] {
            // As in Python: negative bounds count from the end, and all are clamped.
            func clamped(_ bound: Int?, _ standard: Int, _ low: Int, _ high: Int) -> Int {
                guard let bound else { return standard }
                return min(max(bound < 0 ? bound + count : bound, low), high)
            }
            let start = step > 0 ? clamped(numbers[0], 0, 0, count) : clamped(numbers[0], count - 1, -1, count - 1)
            let stop = step > 0 ? clamped(numbers[1], count, 0, count) : clamped(numbers[1], -1, -1, count - 1)
            // Steps larger than the text are all the same, and never overflow.
            let stride = min(max(step, -count - 1), count + 1)
            return Array(Swift.stride(from: start, to: stop, by: stride))
        }
        switch value {
        case .string(let text):
            let chosen = places(text.count)
            try make(chosen.count, line)
            return .string(chosen.map { text[$0] })
        case .list(let values):
            let chosen = places(values.count)
            try make(chosen.count, line)
            return .list(chosen.map { values[$0] })
        case .tuple(let values): return .tuple(places(values.count).map { values[$0] })
        case .undefined(let what): throw undefined(what, line)
        default: throw fault(.badData, value.typeName + " cannot be sliced", line: line)
        }
    }

    // MARK: Calls

    func call(_ function: Value, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Value {
        switch function {
        case .function(let name): return try call(global: name, arguments, line)
        case .method(let receiver, let name): return try call(method: name, of: receiver, arguments, line)
        case .macro(let macro): return try call(macro, arguments, line)
        case .undefined(let what): throw undefined(what, line)
        default: throw fault(.badData, function.typeName + " cannot be called", line: line)
        }
    }

    private func call(_ macro: Macro, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Value {
        let definition = macro.definition
        guard arguments.positional.count <= definition.parameters.count else {
            throw fault(.badData, "too many arguments for the macro '" + definition.name + "'", line: line)
        }
        try enter(line)
        defer { leave() }
        let scope = Scope(macro.scope)
        var given = Set(definition.parameters.prefix(arguments.positional.count).map(\.name))
        for (parameter, value) in zip(definition.parameters, arguments.positional) { scope[parameter.name] = value }
        for argument in arguments.named {
            guard definition.parameters.contains(where: { $0.name == argument.name }),
                given.insert(argument.name).inserted
            else {
                throw fault(
                    .badData, "the macro '" + definition.name + "' takes no argument '" + argument.name + "' here",
                    line: line)
            }
            scope[argument.name] = argument.value
        }
        for parameter in definition.parameters where !given.contains(parameter.name) {
            // Defaults see the parameters before them.
            scope[parameter.name] =
                if let standard = parameter.standard {
                    try evaluate(standard, scope)
                } else {
                    .undefined("parameter " + parameter.name)
                }
        }
        return .string(try captured(definition.body, scope, line))
    }
}
