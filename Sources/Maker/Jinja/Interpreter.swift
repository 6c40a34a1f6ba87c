internal import Storage

/// Runs a template once. `Interpreter+Expressions.swift` evaluates, this file writes.
final class Interpreter {
    let now: Moment
    private var steps = 0
    private var depth = 0
    private var copied = 0
    private var writtenBytes = 0
    private var output: Scalars = []

    init(now: Moment) { self.now = now }

    /// What a block does to the loop around it.
    private enum Flow { case next, breakLoop, continueLoop }

    func run(_ body: [Statement], _ variables: [(name: String, value: Value)]) throws(TaperError) -> Scalars {
        let globals = Scope(nil)
        for name in Interpreter.functions { globals[name] = .function(name) }
        let scope = Scope(globals)
        for variable in variables { scope[variable.name] = variable.value }
        _ = try execute(body, scope)
        return output
    }

    // MARK: Limits

    func step(_ line: Int) throws(TaperError) {
        steps += 1
        guard steps <= Limits.steps else {
            throw fault(.badData, "the template takes more than " + String(Limits.steps) + " steps", line: line)
        }
    }

    func enter(_ line: Int) throws(TaperError) {
        try step(line)
        depth += 1
        guard depth <= Limits.callDepth else { throw fault(.badData, "calls nest too deeply", line: line) }
    }

    func leave() { depth -= 1 }

    /// Accounts for a text or list of this length that an operation is about to make.
    func make(_ count: Int, _ line: Int) throws(TaperError) {
        copied += min(count, Limits.copied)
        guard count <= Limits.length, copied <= Limits.copied else {
            throw fault(.badData, "the template makes texts or lists that are too long", line: line)
        }
    }

    private func write(_ text: Scalars, _ line: Int) throws(TaperError) {
        for scalar in text { writtenBytes += UTF8.width(scalar) }
        guard writtenBytes <= Limits.output else {
            throw fault(
                .badData, "the template writes more than " + byteText(Limits.output), line: line)
        }
        output += text
    }

    // MARK: Statements

    private func execute(_ body: [Statement], _ scope: Scope) throws(TaperError) -> Flow {
        for statement in body {
            switch statement {
            case .text(let text): try write(text, 0)
            case .output(let node):
                try step(node.line)
                try write(try printed(node, scope), node.line)
            case .condition(let branches, let otherwise):
                var chosen = otherwise
                for branch in branches where try evaluate(branch.test, scope).isTrue {
                    chosen = branch.body
                    break
                }
                try enter(branches[0].test.line)
                let flow = try execute(chosen, scope)
                leave()
                if flow != .next { return flow }
            case .loop(let loop): try run(loop, scope)
            case .assign(let target, let node): try assign(target, try evaluate(node, scope), scope, node.line)
            case .capture(let target, let filters, let body, let line):
                let text = try captured(body, Scope(scope), line)
                try assign(target, try filtered(.string(text), filters, scope), scope, line)
            case .macro(let definition): scope[definition.name] = .macro(Macro(definition, scope))
            case .filter(let filters, let body, let line):
                let inner = Scope(scope)
                let text = try captured(body, inner, line)
                try write(try filtered(.string(text), filters, inner).printed(line), line)
            case .with(let values, let body):
                let inner = Scope(scope)
                for value in values {
                    try assign(value.target, try evaluate(value.value, scope), inner, value.value.line)
                }
                let flow = try execute(body, inner)
                if flow != .next { return flow }
            case .generation(let body): _ = try execute(body, Scope(scope))
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .next
    }

    /// The text of an expression that is written. Marking text as safe changes nothing there, and is known nowhere else.
    private func printed(_ node: Node, _ scope: Scope) throws(TaperError) -> Scalars {
        if case .filter(let inner, let call) = node.kind, call.name == "safe", call.arguments.all.isEmpty {
            return try printed(inner, scope)
        }
        return try evaluate(node, scope).printed(node.line)
    }

    private func run(_ loop: ForLoop, _ scope: Scope) throws(TaperError) {
        try enter(loop.line)
        defer { leave() }
        var items = try elements(try evaluate(loop.iterable, scope), loop.line)
        if let condition = loop.condition {
            var kept: [Value] = []
            for item in items {
                let inner = Scope(scope)
                inner["loop"] = .undefined("loop")
                try assign(loop.target, item, inner, loop.line)
                if try evaluate(condition, inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else {
            _ = try execute(loop.otherwise, Scope(scope))
            return
        }
        let state = LoopState(items)
        for (index, item) in items.enumerated() {
            try step(loop.line)
            state.index = index
            let inner = Scope(scope)
            inner["loop"] = .loop(state)
            try assign(loop.target, item, inner, loop.line)
            if try execute(loop.body, inner) == .breakLoop { break }
        }
    }

    /// What a body writes, kept instead of written.
    func captured(_ body: [Statement], _ scope: Scope, _ line: Int) throws(TaperError) -> Scalars {
        let outer = output
        let outerBytes = writtenBytes
        output = []
        try enter(line)
        _ = try execute(body, scope)
        leave()
        let text = output
        output = outer
        try make(text.count, line)
        writtenBytes = outerBytes
        return text
    }

    private func filtered(_ start: Value, _ filters: [FilterCall], _ scope: Scope) throws(TaperError) -> Value {
        var value = start
        for call in filters {
            try step(call.line)
            value = try filter(call.name, value, try evaluated(call.arguments, scope), call.line)
        }
        return value
    }

    private func assign(_ target: Target, _ value: Value, _ scope: Scope, _ line: Int) throws(TaperError) {
        switch target {
        case .name(let name): scope[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let space)? = scope[name] else {
                throw fault(.badData, "'" + name + "' is no namespace", line: line)
            }
            space.attributes[attribute] = value
        case .tuple(let targets):
            let parts = try elements(value, line)
            guard parts.count == targets.count else {
                throw fault(
                    .badData,
                    "cannot unpack " + String(parts.count) + " values into " + String(targets.count) + " names",
                    line: line)
            }
            for (target, part) in zip(targets, parts) { try assign(target, part, scope, line) }
        }
    }

    /// The values that Python's iteration gives.
    func elements(_ value: Value, _ line: Int) throws(TaperError) -> [Value] {
        switch value {
        case .list(let values), .tuple(let values), .view(_, let values): return values
        case .string(let text):
            try make(text.count, line)
            return text.map { .string([$0]) }
        case .dictionary(let mapping): return mapping.entries.map(\.key)
        case .range(let range): return range.values
        case .iterator(let iterator): return iterator.takeAll()
        case .undefined: return []
        default: throw fault(.badData, value.typeName + " cannot be gone through", line: line)
        }
    }
}
