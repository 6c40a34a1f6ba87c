internal import Storage

/// Builds statements from tokens by Jinja's own grammar; `Parser+Expressions.swift` has the expressions.
struct Parser {
    let tokens: [Token]
    var at = 0
    private var nesting = 0
    private var loops = 0

    static func parse(_ source: String) throws(TaperError) -> [Statement] {
        var parser = Parser(tokens: try Lexer.tokens(source))
        let body = try parser.body(until: [])
        return body
    }

    init(tokens: [Token]) { self.tokens = tokens }

    var current: Token? { at < tokens.count ? tokens[at] : nil }
    var line: Int { current?.line ?? tokens.last?.line ?? 1 }

    func fails(_ expected: String) -> TaperError {
        fault(.badData, "expected " + expected + ", found " + printable(current?.text ?? "the end"), line: line)
    }

    func isSymbol(_ symbol: String, ahead: Int = 0) -> Bool {
        at + ahead < tokens.count && tokens[at + ahead].kind == .symbol(symbol)
    }
    func isName(_ name: String, ahead: Int = 0) -> Bool {
        at + ahead < tokens.count && tokens[at + ahead].kind == .name(name)
    }
    mutating func skip(symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        at += 1
        return true
    }
    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        at += 1
        return true
    }
    mutating func expect(symbol: String) throws(TaperError) {
        guard skip(symbol: symbol) else { throw fails("'" + symbol + "'") }
    }
    mutating func expectName() throws(TaperError) -> String {
        guard case .name(let name) = current?.kind else { throw fails("a name") }
        at += 1
        return name
    }
    private mutating func expect(_ kind: Token.Kind, _ text: String) throws(TaperError) {
        guard current?.kind == kind else { throw fails(text) }
        at += 1
    }

    /// Statements up to a block that starts with one of these names, which is left to the caller with its `{%` read.
    private mutating func body(until ends: [String]) throws(TaperError) -> [Statement] {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= Limits.nesting else { throw fault(.badData, "blocks nest too deeply", line: line) }
        var result: [Statement] = []
        while let token = current {
            at += 1
            switch token.kind {
            case .data(let text): result.append(.text(text))
            case .variableBegin:
                result.append(.output(try tuple()))
                try expect(.variableEnd, "'}}'")
            default:
                if case .name(let name) = current?.kind, ends.contains(name) { return result }
                if let statement = try statement(ends) { result.append(statement) }
                try expect(.blockEnd, "'%}'")
            }
        }
        guard ends.isEmpty else {
            throw fault(
                .badData, "a block is not closed: expected " + ends.joined(separator: " or "), line: line)
        }
        return result
    }

    /// The body of a block up to its end tag, of which only `%}` is left.
    private mutating func block(_ end: String) throws(TaperError) -> [Statement] {
        try expect(.blockEnd, "'%}'")
        let statements = try body(until: [end])
        at += 1
        return statements
    }

    private mutating func statement(_ ends: [String]) throws(TaperError) -> Statement? {
        let line = line
        let name = try expectName()
        switch name {
        case "for": return try forLoop()
        case "if": return try condition()
        case "set": return try assignment()
        case "macro": return try macro()
        case "filter": return .filter(try filterChain(), try block("endfilter"), line: line)
        case "with": return try with()
        case "generation": return .generation(try block("endgeneration"))
        case "break", "continue":
            guard loops > 0 else { throw fault(.badData, name + " outside a loop", line: line) }
            return name == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends", "block", "call", "do", "print", "autoescape", "trans", "debug":
            throw unsupported("the block '" + name + "'", line: line)
        default:
            let hint = ends.isEmpty ? "" : "; the innermost open block ends with " + ends.joined(separator: " or ")
            throw fault(.badData, "unknown block '" + printable(name) + "'" + hint, line: line)
        }
    }

    private mutating func forLoop() throws(TaperError) -> Statement {
        let line = line
        let target = try target(allowsNamespace: false)
        guard skip(name: "in") else { throw fails("'in'") }
        let iterable = try tuple(withConditional: false)
        let condition = skip(name: "if") ? try expression() : nil
        if isName("recursive") { throw unsupported("a recursive loop", line: line) }
        try expect(.blockEnd, "'%}'")
        loops += 1
        let statements = try body(until: ["else", "endfor"])
        loops -= 1
        var otherwise: [Statement] = []
        if skip(name: "else") {
            otherwise = try block("endfor")
        } else {
            at += 1
        }
        return .loop(
            ForLoop(
                target: target, iterable: iterable, condition: condition, body: statements, otherwise: otherwise,
                line: line))
    }

    private mutating func condition() throws(TaperError) -> Statement {
        var branches: [(test: Node, body: [Statement])] = []
        while true {
            let test = try tuple(withConditional: false)
            try expect(.blockEnd, "'%}'")
            branches.append((test, try body(until: ["elif", "else", "endif"])))
            if skip(name: "elif") { continue }
            if skip(name: "else") { return .condition(branches: branches, otherwise: try block("endif")) }
            at += 1
            return .condition(branches: branches, otherwise: [])
        }
    }

    private mutating func assignment() throws(TaperError) -> Statement {
        let line = line
        let target = try target(allowsNamespace: true)
        if skip(symbol: "=") { return .assign(target, try tuple()) }
        var filters: [FilterCall] = []
        if isSymbol("|") {
            at += 1
            filters = try filterChain()
        }
        return .capture(target, filters, try block("endset"), line: line)
    }

    private mutating func macro() throws(TaperError) -> Statement {
        let name = try expectName()
        try expect(symbol: "(")
        var parameters: [(name: String, standard: Node?)] = []
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(symbol: ",") }
            if isSymbol(")") { break }
            let parameter = try expectName()
            let standard = skip(symbol: "=") ? try expression() : nil
            guard standard != nil || parameters.last?.standard == nil else {
                throw fault(.badData, "a parameter without default follows one with", line: line)
            }
            guard !parameters.contains(where: { $0.name == parameter }) else {
                throw fault(.badData, "a parameter occurs twice", line: line)
            }
            parameters.append((parameter, standard))
        }
        try expect(symbol: ")")
        let outer = loops
        loops = 0
        let statements = try block("endmacro")
        loops = outer
        return .macro(MacroDefinition(name: name, parameters: parameters, body: statements))
    }

    private mutating func with() throws(TaperError) -> Statement {
        var values: [(target: Target, value: Node)] = []
        while current?.kind != .blockEnd {
            if !values.isEmpty { try expect(symbol: ",") }
            let target = try target(allowsNamespace: false, isTuple: false)
            try expect(symbol: "=")
            values.append((target, try expression()))
        }
        return .with(values, try block("endwith"))
    }

    /// What a loop or an assignment names: a name, several, or an attribute of a namespace.
    private mutating func target(allowsNamespace: Bool, isTuple: Bool = true) throws(TaperError) -> Target {
        if allowsNamespace, isSymbol(".", ahead: 1) {
            let name = try expectName()
            at += 1
            return .attribute(namespace: name, try expectName())
        }
        var names: [Target] = []
        var hasComma = false
        repeat {
            if isSymbol("(") || isSymbol("[") {
                let close = isSymbol("(") ? ")" : "]"
                at += 1
                nesting += 1
                defer { nesting -= 1 }
                guard nesting <= Limits.nesting else { throw fault(.badData, "targets nest too deeply", line: line) }
                names.append(try target(allowsNamespace: false))
                try expect(symbol: close)
            } else if case .name(let name) = current?.kind, !(hasComma && name == "in") {
                let constants: Set<String> = ["true", "false", "none", "True", "False", "None"]
                guard !constants.contains(name) else { throw fails("a name that can be assigned") }
                at += 1
                names.append(.name(name))
            } else {
                break
            }
            guard isTuple, skip(symbol: ",") else { break }
            hasComma = true
        } while true
        guard let first = names.first else { throw fails("a name") }
        return names.count == 1 && !hasComma ? first : .tuple(names)
    }
}
