internal import Storage

extension Interpreter {
    private func mismatch(_ symbol: String, _ left: Value, _ right: Value, _ line: Int) -> TaperError {
        for case .undefined(let what) in [left, right] { return undefined(what, line) }
        return fault(
            .badData, "'" + symbol + "' does not work between " + left.typeName + " and " + right.typeName, line: line)
    }

    private func overflow(_ line: Int) -> TaperError { unsupported("an integer of more than 64 bits", line: line) }

    func signed(_ value: Value, negative: Bool, _ line: Int) throws(TaperError) -> Value {
        if case .float(let number) = value { return .float(negative ? -number : number) }
        if case .undefined(let what) = value { throw undefined(what, line) }
        guard let number = value.wholeNumber else {
            throw fault(.badData, "a sign does not work before " + value.typeName, line: line)
        }
        guard number != Int.min else { throw overflow(line) }
        return .integer(negative ? -number : number)
    }

    func arithmetic(_ symbol: String, _ left: Value, _ right: Value, _ line: Int) throws(TaperError) -> Value {
        switch (symbol, left, right) {
        case ("+", .string(let first), .string(let second)):
            try make(first.count + second.count, line)
            return .string(first + second)
        case ("+", .list(let first), .list(let second)):
            try make(first.count + second.count, line)
            return .list(first + second)
        case ("+", .tuple(let first), .tuple(let second)):
            try make(first.count + second.count, line)
            return .tuple(first + second)
        case ("*", .string(let text), _):
            return .string(try repeated(text, right, (symbol, left, right), line))
        case ("*", _, .string(let text)):
            return .string(try repeated(text, left, (symbol, left, right), line))
        case ("*", .list(let values), _):
            return .list(try repeated(values, right, (symbol, left, right), line))
        case ("*", _, .list(let values)):
            return .list(try repeated(values, left, (symbol, left, right), line))
        case ("%", .string, _): throw unsupported("formatting with '%'", line: line)
        default: break
        }
        if let first = left.wholeNumber, let second = right.wholeNumber, symbol != "/" {
            return try integers(symbol, first, second, line)
        }
        guard let first = left.number, let second = right.number else { throw mismatch(symbol, left, right, line) }
        switch symbol {
        case "+": return .float(first + second)
        case "-": return .float(first - second)
        case "*": return .float(first * second)
        case "**": throw unsupported("'**' of fractions", line: line)
        default: break
        }
        guard second != 0 else { throw fault(.badData, "division by zero", line: line) }
        if symbol == "/" { return .float(first / second) }
        // Python's remainder has the sign of the divisor.
        var remainder = first.truncatingRemainder(dividingBy: second)
        if remainder != 0, (remainder < 0) != (second < 0) { remainder += second }
        return .float(symbol == "%" ? remainder : ((first - remainder) / second).rounded())
    }

    private func repeated<Element>(
        _ values: [Element], _ count: Value, _ operation: (String, Value, Value), _ line: Int
    ) throws(TaperError) -> [Element] {
        guard let count = count.wholeNumber else { throw mismatch(operation.0, operation.1, operation.2, line) }
        let (length, isTooLong) = values.count.multipliedReportingOverflow(by: max(0, count))
        try make(isTooLong ? Int.max : length, line)
        guard length > 0 else { return [] }
        var result: [Element] = []
        result.reserveCapacity(length)
        for _ in 0..<count { result += values }
        return result
    }

    private func integers(_ symbol: String, _ left: Int, _ right: Int, _ line: Int) throws(TaperError) -> Value {
        let result: (partialValue: Int, overflow: Bool)
        switch symbol {
        case "+": result = left.addingReportingOverflow(right)
        case "-": result = left.subtractingReportingOverflow(right)
        case "*": result = left.multipliedReportingOverflow(by: right)
        case "//", "%":
            guard right != 0 else { throw fault(.badData, "division by zero", line: line) }
            guard right != -1 else {
                return symbol == "%" ? .integer(0) : try signed(.integer(left), negative: true, line)
            }
            var (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
            if remainder != 0, (remainder < 0) != (right < 0) {
                quotient -= 1
                remainder += right
            }
            return .integer(symbol == "%" ? remainder : quotient)
        default:
            guard right >= 0 else { throw unsupported("'**' with a negative exponent", line: line) }
            var power = 1
            // Beyond 64 steps only 0, 1 and -1 stay in range.
            let steps = abs(left) <= 1 ? min(right, 2 + right % 2) : right
            for _ in 0..<min(steps, 65) {
                let (next, isTooLarge) = power.multipliedReportingOverflow(by: left)
                guard !isTooLarge else { throw overflow(line) }
                power = next
            }
            return .integer(power)
        }
        guard !result.overflow else { throw overflow(line) }
        return .integer(result.partialValue)
    }

    func compare(_ symbol: String, _ left: Value, _ right: Value, _ line: Int) throws(TaperError) -> Bool {
        switch symbol {
        case "==": return left.equals(right)
        case "!=": return !left.equals(right)
        case "in": return try contains(right, left, line)
        case "not in": return !(try contains(right, left, line))
        default:
            guard let order = order(left, right) else { throw mismatch(symbol, left, right, line) }
            switch symbol {
            case "<": return order == .less
            case "<=": return order == .less || order == .equal
            case ">": return order == .greater
            default: return order == .greater || order == .equal
            }
        }
    }

    enum Order { case less, equal, greater, unordered }

    /// nil when Python would refuse to compare.
    func order(_ left: Value, _ right: Value) -> Order? {
        func of<T: Comparable>(_ first: T, _ second: T) -> Order {
            first < second ? .less : first > second ? .greater : first == second ? .equal : .unordered
        }
        switch (left, right) {
        case (.string(let first), .string(let second)):
            for (a, b) in zip(first, second) where a != b { return of(a, b) }
            return of(first.count, second.count)
        case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
            for (a, b) in zip(first, second) where !a.equals(b) { return order(a, b) }
            return of(first.count, second.count)
        default:
            if let first = left.wholeNumber, let second = right.wholeNumber { return of(first, second) }
            guard let first = left.number, let second = right.number else { return nil }
            return of(first, second)
        }
    }

    func contains(_ container: Value, _ value: Value, _ line: Int) throws(TaperError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else { throw mismatch("in", value, container, line) }
            return text.firstRange(of: part, from: 0) != nil
        case .dictionary(let mapping):
            guard value.isHashable else { throw fault(.badData, value.typeName + " cannot be a key", line: line) }
            return mapping[value] != nil
        case .undefined: return false
        default: return try elements(container, line).contains { $0.equals(value) }
        }
    }
}

extension [Unicode.Scalar] {
    /// Where a text first occurs at or after a place.
    func firstRange(of part: Scalars, from start: Int) -> Int? {
        guard start + part.count <= count else { return nil }
        guard let first = part.first else { return start }
        for at in start...count - part.count where self[at] == first {
            if self[at..<at + part.count].elementsEqual(part) { return at }
        }
        return nil
    }

    func lastRange(of part: Scalars, before end: Int) -> Int? {
        guard part.count <= end else { return nil }
        for at in stride(from: end - part.count, through: 0, by: -1)
        where self[at..<at + part.count].elementsEqual(part) { return at }
        return nil
    }
}
