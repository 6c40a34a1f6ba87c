internal import Storage

// From the loosest binding to the tightest, as in Jinja's parser.
extension Parser {
    private func node(_ line: Int, _ kind: Node.Kind, _ parts: [Node] = []) throws(TaperError) -> Node {
        let depth = 1 + (parts.map(\.depth).max() ?? 0)
        guard depth <= Limits.expressionDepth else {
            throw fault(.badData, "an expression nests too deeply", line: line)
        }
        return Node(line: line, depth: depth, kind: kind)
    }

    /// One expression, or several with commas between: a tuple.
    mutating func tuple(withConditional: Bool = true, allowsEmpty: Bool = false) throws(TaperError) -> Node {
        let line = line
        var parts: [Node] = []
        var hasComma = false
        while !endsTuple {
            parts.append(withConditional ? try expression() : try disjunction())
            guard skip(symbol: ",") else { break }
            hasComma = true
        }
        if !hasComma, let only = parts.first { return only }
        guard hasComma && !parts.isEmpty || allowsEmpty else { throw fails("an expression") }
        return try node(line, .tuple(parts), parts)
    }

    private var endsTuple: Bool {
        switch current?.kind {
        case nil, .variableEnd, .blockEnd, .symbol(")"), .name("recursive"): true
        default: false
        }
    }

    mutating func expression() throws(TaperError) -> Node {
        let line = line
        var result = try disjunction()
        while skip(name: "if") {
            let test = try disjunction()
            let otherwise = skip(name: "else") ? try expression() : nil
            result = try node(
                line, .conditional(test: test, then: result, otherwise: otherwise),
                [test, result] + (otherwise.map { [$0] } ?? []))
        }
        return result
    }

    mutating func disjunction() throws(TaperError) -> Node {
        var left = try conjunction()
        while isName("or") {
            let line = line
            at += 1
            let right = try conjunction()
            left = try node(line, .or(left, right), [left, right])
        }
        return left
    }

    private mutating func conjunction() throws(TaperError) -> Node {
        var left = try negation()
        while isName("and") {
            let line = line
            at += 1
            let right = try negation()
            left = try node(line, .and(left, right), [left, right])
        }
        return left
    }

    private mutating func negation() throws(TaperError) -> Node {
        let line = line
        var count = 0
        while skip(name: "not") { count += 1 }
        var result = try comparison()
        for _ in 0..<count { result = try node(line, .not(result), [result]) }
        return result
    }

    private mutating func comparison() throws(TaperError) -> Node {
        let line = line
        let first = try sum()
        var rest: [(symbol: String, operand: Node)] = []
        while true {
            if case .symbol(let symbol) = current?.kind, ["==", "!=", "<", "<=", ">", ">="].contains(symbol) {
                at += 1
                rest.append((symbol, try sum()))
            } else if skip(name: "in") {
                rest.append(("in", try sum()))
            } else if isName("not"), isName("in", ahead: 1) {
                at += 2
                rest.append(("not in", try sum()))
            } else {
                break
            }
        }
        return rest.isEmpty ? first : try node(line, .comparison(first, rest), [first] + rest.map(\.operand))
    }

    private mutating func sum() throws(TaperError) -> Node {
        var left = try concatenation()
        while isSymbol("+") || isSymbol("-") {
            let (symbol, line) = (current?.text ?? "", line)
            at += 1
            let right = try concatenation()
            left = try node(line, .arithmetic(symbol, left, right), [left, right])
        }
        return left
    }

    private mutating func concatenation() throws(TaperError) -> Node {
        let line = line
        var parts = [try product()]
        while skip(symbol: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try node(line, .concatenation(parts), parts)
    }

    private mutating func product() throws(TaperError) -> Node {
        var left = try power()
        while isSymbol("*") || isSymbol("/") || isSymbol("//") || isSymbol("%") {
            let (symbol, line) = (current?.text ?? "", line)
            at += 1
            let right = try power()
            left = try node(line, .arithmetic(symbol, left, right), [left, right])
        }
        return left
    }

    private mutating func power() throws(TaperError) -> Node {
        var left = try unary()
        while isSymbol("**") {
            let line = line
            at += 1
            let right = try unary()
            left = try node(line, .arithmetic("**", left, right), [left, right])
        }
        return left
    }

    private mutating func unary(withFilters: Bool = true, depth: Int = 0) throws(TaperError) -> Node {
        let line = line
        guard depth <= Limits.nesting else { throw fault(.badData, "signs nest too deeply", line: line) }
        var result: Node
        if skip(symbol: "-") {
            let inner = try unary(withFilters: false, depth: depth + 1)
            result = try node(line, .negative(inner), [inner])
        } else if skip(symbol: "+") {
            let inner = try unary(withFilters: false, depth: depth + 1)
            result = try node(line, .positive(inner), [inner])
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return withFilters ? try filtersAndTests(result) : result
    }

    private mutating func primary() throws(TaperError) -> Node {
        let line = line
        guard let token = current else { throw fails("an expression") }
        at += 1
        switch token.kind {
        case .name("true"), .name("True"): return try node(line, .constant(.boolean(true)))
        case .name("false"), .name("False"): return try node(line, .constant(.boolean(false)))
        case .name("none"), .name("None"): return try node(line, .constant(.none))
        case .name(let name): return try node(line, .name(name))
        case .integer(let value): return try node(line, .constant(.integer(value)))
        case .float(let value): return try node(line, .constant(.float(value)))
        case .string(var text):
            while case .string(let more) = current?.kind {
                text += more
                at += 1
            }
            return try node(line, .constant(.string(text)))
        case .symbol("("):
            let inner = try tuple(allowsEmpty: true)
            try expect(symbol: ")")
            return inner
        case .symbol("["):
            let parts = try list(closing: "]")
            return try node(line, .list(parts), parts)
        case .symbol("{"): return try dictionary(line)
        default:
            at -= 1
            throw fails("an expression")
        }
    }

    private mutating func list(closing: String) throws(TaperError) -> [Node] {
        var parts: [Node] = []
        while !isSymbol(closing) {
            if !parts.isEmpty { try expect(symbol: ",") }
            if isSymbol(closing) { break }
            parts.append(try expression())
        }
        at += 1
        return parts
    }

    private mutating func dictionary(_ line: Int) throws(TaperError) -> Node {
        var entries: [(key: Node, value: Node)] = []
        while !isSymbol("}") {
            if !entries.isEmpty { try expect(symbol: ",") }
            if isSymbol("}") { break }
            let key = try expression()
            try expect(symbol: ":")
            entries.append((key, try expression()))
        }
        at += 1
        return try node(line, .dictionary(entries), entries.flatMap { [$0.key, $0.value] })
    }

    private mutating func postfix(_ start: Node) throws(TaperError) -> Node {
        var result = start
        while true {
            let line = line
            if skip(symbol: ".") {
                if case .integer(let index) = current?.kind {
                    at += 1
                    result = try node(
                        line, .item(result, try node(line, .constant(.integer(index)))), [result])
                } else {
                    result = try node(line, .attribute(result, try expectName()), [result])
                }
            } else if skip(symbol: "[") {
                result = try subscripted(result, line)
            } else if isSymbol("(") {
                let arguments = try arguments()
                result = try node(line, .call(result, arguments), [result] + arguments.all)
            } else {
                return result
            }
        }
    }

    private mutating func subscripted(_ base: Node, _ line: Int) throws(TaperError) -> Node {
        func isEnd(_ parser: Parser) -> Bool { parser.isSymbol("]") || parser.isSymbol(",") }
        var bounds: [Node?] = []
        if !isSymbol(":") {
            let index = try expression()
            guard isSymbol(":") else {
                if isSymbol(",") { throw unsupported("an index of several values", line: line) }
                try expect(symbol: "]")
                return try node(line, .item(base, index), [base, index])
            }
            bounds.append(index)
        } else {
            bounds.append(nil)
        }
        while bounds.count < 3, skip(symbol: ":") {
            bounds.append(isSymbol(":") || isEnd(self) ? nil : try expression())
        }
        if isSymbol(",") { throw unsupported("an index of several values", line: line) }
        try expect(symbol: "]")
        bounds += [Node?](repeating: nil, count: 3 - bounds.count)
        return try node(
            line, .slice(base, from: bounds[0], to: bounds[1], by: bounds[2]), [base] + bounds.compactMap { $0 })
    }

    mutating func arguments() throws(TaperError) -> Arguments {
        var result = Arguments()
        try expect(symbol: "(")
        var isFirst = true
        while !isSymbol(")") {
            if !isFirst { try expect(symbol: ",") }
            isFirst = false
            if isSymbol(")") { break }
            if isSymbol("*") || isSymbol("**") { throw unsupported("an unpacked argument", line: line) }
            if case .name(let name) = current?.kind, isSymbol("=", ahead: 1) {
                at += 2
                guard !result.named.contains(where: { $0.name == name }) else {
                    throw fault(.badData, "an argument occurs twice", line: line)
                }
                result.named.append((name, try expression()))
            } else {
                guard result.named.isEmpty else {
                    throw fault(.badData, "an argument without name follows one with", line: line)
                }
                result.positional.append(try expression())
            }
        }
        at += 1
        return result
    }

    private mutating func filtersAndTests(_ start: Node) throws(TaperError) -> Node {
        var result = start
        while true {
            if skip(symbol: "|") {
                let call = try filterCall()
                result = try node(call.line, .filter(result, call), [result] + call.arguments.all)
            } else if isName("is") {
                result = try test(result)
            } else if isSymbol("(") {
                let line = line
                let arguments = try arguments()
                result = try node(line, .call(result, arguments), [result] + arguments.all)
            } else {
                return result
            }
        }
    }

    private mutating func dottedName() throws(TaperError) -> String {
        var name = try expectName()
        while skip(symbol: ".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func filterCall() throws(TaperError) -> FilterCall {
        let line = line
        let name = try dottedName()
        return FilterCall(name: name, arguments: isSymbol("(") ? try arguments() : Arguments(), line: line)
    }

    /// One or more filters with bars between.
    mutating func filterChain() throws(TaperError) -> [FilterCall] {
        var chain = [try filterCall()]
        while skip(symbol: "|") { chain.append(try filterCall()) }
        return chain
    }

    private mutating func test(_ tested: Node) throws(TaperError) -> Node {
        let line = line
        at += 1
        let isNegated = skip(name: "not")
        let name = try dottedName()
        var arguments = Arguments()
        if isSymbol("(") {
            arguments = try self.arguments()
        } else if startsArgument {
            if isName("is") { throw fault(.badData, "tests cannot follow one another", line: line) }
            let first = try primary()
            arguments.positional = [try postfix(first)]
        }
        let result = try node(line, .test(tested, name, arguments), [tested] + arguments.all)
        return isNegated ? try node(line, .not(result), [result]) : result
    }

    /// A test's only argument may stand without parentheses.
    private var startsArgument: Bool {
        switch current?.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol("("), .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
